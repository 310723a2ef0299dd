// What the tests of extended attributes share.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_XATTRS_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_XATTRS_H_

#include <sys/mount.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "tests/mount/support/mounted.h"

namespace recrypt {

using Names = std::vector<std::string>;
constexpr std::string_view kSealed = "user.jcd.sealed.";

inline int SetErrno(const std::string& path, const std::string& name, std::string_view value,
                    int flags = 0) {
  return lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), flags) == 0 ? 0 : errno;
}
inline int RemoveErrno(const std::string& path, const std::string& name) {
  return lremovexattr(path.c_str(), name.c_str()) == 0 ? 0 : errno;
}
inline int GetErrno(const std::string& path, const std::string& name) {
  return lgetxattr(path.c_str(), name.c_str(), nullptr, 0) >= 0 ? 0 : errno;
}
inline int ListErrno(const std::string& path) {
  return llistxattr(path.c_str(), nullptr, 0) >= 0 ? 0 : errno;
}
// All names but those of security modules, sorted.
inline Names NamesOf(const std::string& path) {
  std::string list(65536, '\0');
  const ssize_t size = llistxattr(path.c_str(), list.data(), list.size());
  Names names;
  for (size_t at = 0; size > 0 && at < static_cast<size_t>(size);) {
    names.emplace_back(&list[at]);
    at += names.back().size() + 1;
    if (names.back().starts_with("security.")) names.pop_back();
  }
  std::sort(names.begin(), names.end());
  return names;
}
inline std::string Value(const std::string& path, const std::string& name) {
  std::string value(65536, '\0');
  const ssize_t size = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return "errno " + std::to_string(errno);
  value.resize(static_cast<size_t>(size));
  return value;
}
class XattrTest : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    std::ofstream(share_ + "/probe").put('x');
    if (SetErrno(share_ + "/probe", "user.probe", "1") == EOPNOTSUPP) {
      GTEST_SKIP() << "the file system of the tests keeps no user attributes";
    }
    stdfs::remove(share_ + "/probe");
  }
  void TearDown() override {
    mount_.reset();
    if (has_own_share_) umount2(share_.c_str(), MNT_DETACH);
  }
  // Puts the share on a new file system in memory; false where that cannot be done.
  bool ShareOn(const char* type) {
    has_own_share_ = ::mount(type, share_.c_str(), type, 0, nullptr) == 0;
    return has_own_share_;
  }
  std::string F() const { return *this / "f"; }
  // A committed document with one attribute, on a fresh mount.
  void Make(const std::string& value = "for the board") {
    Mount();
    WriteFile(F(), "content");
    ASSERT_EQ(SetErrno(F(), "user.comment", value), 0);
    Mount();
  }
  Names SealedOf(const std::string& stored) {
    Names names = NamesOf(Stored(stored));
    std::erase_if(names, [](const std::string& name) { return !name.starts_with(kSealed); });
    return names;
  }

 private:
  bool has_own_share_ = false;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_XATTRS_H_
