// Two mounts of one share: names that one gives and takes away, as the other sees them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tests/mount/support/two_mounts.h"

namespace recrypt {
namespace {

class NamesOfTwoMounts : public TwoMountsTest {};
RECRYPT_OVER_ALL_STORES(NamesOfTwoMounts);

TEST_P(NamesOfTwoMounts, NamesThatTheOtherChangedAreSeen) {
  WriteFile(*this / "old", "1");
  WriteFile(*this / "gone", "2");
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  EXPECT_EQ(List(other_->mountpoint()), (std::vector<std::string>{"d", "gone", "old"}));
  EXPECT_EQ(ReadFile(Other("gone")), "2");
  EXPECT_EQ(OpenErrno(Other("new"), O_RDONLY), ENOENT);
  WriteFile(*this / "new", "3");
  ASSERT_EQ(rename((*this / "old").c_str(), (*this / "d/moved").c_str()), 0);
  ASSERT_EQ(unlink((*this / "gone").c_str()), 0);
  EXPECT_EQ(List(other_->mountpoint()), (std::vector<std::string>{"d", "new"}));
  EXPECT_TRUE(Soon([&] { return OpenErrno(Other("new"), O_RDONLY) == 0; }));
  EXPECT_EQ(ReadFile(Other("new")), "3");
  EXPECT_TRUE(Soon([&] { return OpenErrno(Other("d/moved"), O_RDONLY) == 0; }));
  EXPECT_EQ(ReadFile(Other("d/moved")), "1");
  EXPECT_TRUE(Soon([&] { return OpenErrno(Other("old"), O_RDONLY) == ENOENT; }));
  EXPECT_EQ(OpenErrno(Other("gone"), O_RDONLY), ENOENT);
}

TEST_P(NamesOfTwoMounts, AReplacedDocumentIsFoundAtOnceWithTheOldOneOpen) {
  for (int round = 0; round < 5; ++round) {
    WriteFile(*this / "f", "old");
    const UniqueFd old = OpenFd(Other("f"), O_RDWR);
    WriteFile(*this / "f.new", "new one");
    ASSERT_EQ(rename((*this / "f.new").c_str(), (*this / "f").c_str()), 0);
    EXPECT_EQ(ReadFile(Other("f")), "new one");
    // Who has the old one open keeps it.
    EXPECT_EQ(ReadAll(old.get()), "old");
    const std::string again = "/proc/self/fd/" + std::to_string(old.get());
    if (GetParam() == StoreIs::kLocal) {
      EXPECT_EQ(ReadFile(again), "old");
    }
    ASSERT_EQ(unlink((*this / "f").c_str()), 0);
    EXPECT_EQ(OpenErrno(Other("f"), O_RDONLY), ENOENT);
  }
}

// As an editor does that keeps the file before as a backup.
TEST_P(NamesOfTwoMounts, ANameThatTheOtherGaveToAnotherDocumentLeadsThereAtOnce) {
  if (GetParam() != StoreIs::kLocal) GTEST_SKIP() << "names stay as long as a client likes";
  for (int round = 0; round < 5; ++round) {
    WriteFile(*this / "f", "old");
    EXPECT_EQ(ReadFile(Other("f")), "old");
    ASSERT_EQ(rename((*this / "f").c_str(), (*this / "f~").c_str()), 0);
    WriteFile(*this / "f", "new one");
    EXPECT_EQ(ReadFile(Other("f")), "new one");
    EXPECT_EQ(ReadFile(Other("f~")), "old");
    ASSERT_EQ(rename((*this / "f").c_str(), (*this / "g").c_str()), 0);
    EXPECT_EQ(OpenErrno(Other("f"), O_RDONLY), ENOENT);
  }
}

TEST_P(NamesOfTwoMounts, ChangesGoToTheDocumentThatHasTheNameNow) {
  auto replace = [&](const std::string& content) {
    WriteFile(*this / "f", "old");
    EXPECT_EQ(ReadFile(Other("f")), "old");
    WriteFile(*this / "f.new", content);
    ASSERT_EQ(rename((*this / "f.new").c_str(), (*this / "f").c_str()), 0);
  };
  replace("new one");
  AppendFile(Other("f"), " and more");
  EXPECT_EQ(ReadFile(*this / "f"), "new one and more");
  replace("new one");
  WriteFile(Other("f"), "written anew");
  EXPECT_EQ(ReadFile(*this / "f"), "written anew");
  replace("new one");
  ASSERT_EQ(truncate(Other("f").c_str(), 3), 0);
  EXPECT_EQ(ReadFile(*this / "f"), "new");
  replace("new one");
  ASSERT_EQ(truncate(Other("f").c_str(), 0), 0);
  EXPECT_EQ(ReadFile(*this / "f"), "");
}

TEST_P(NamesOfTwoMounts, ADocumentThatTheOtherRemovesStaysWithWhoHasItOpen) {
  WriteFile(*this / "f", std::string(50'000, 'x'));
  const UniqueFd fd = OpenFd(Other("f"), O_RDWR);
  std::string got(50'000, '\0');
  ASSERT_EQ(pread(fd.get(), got.data(), 100, 40'000), 100);
  ASSERT_EQ(unlink((*this / "f").c_str()), 0);
  ASSERT_EQ(pread(fd.get(), got.data(), got.size(), 0), 50'000);
  EXPECT_EQ(got, std::string(50'000, 'x'));
  if (GetParam() == StoreIs::kLocal) {  // the server of the other has no such file any more
    EXPECT_EQ(pwrite(fd.get(), "y", 1, 0), 1);
    EXPECT_EQ(fsync(fd.get()), 0);
  }
  EXPECT_EQ(OpenErrno(Other("f"), O_RDONLY), ENOENT);
  EXPECT_EQ(OpenErrno(*this / "f", O_RDONLY), ENOENT);
  EXPECT_TRUE(List(share_).empty());
}

}  // namespace
}  // namespace recrypt
