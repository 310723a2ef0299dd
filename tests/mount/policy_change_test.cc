// The share's policy as its owner signs it, and what becomes of it under a mount (DESIGN 4).
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>

#include "core/json/json.h"
#include "core/udf/udf.h"
#include "tests/full_run.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

using Paths = std::vector<std::pair<std::string, std::string>>;

class PolicyChange : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    labels_.Add("C#example.com");
  }

  // Signs and puts it there as `recryptfs label assign` does: whole, by a rename.
  void Publish(uint64_t version, const Paths& paths, const PrivateKey& signer,
               int64_t expires_in = 86'400) {
    const int64_t now = clock_.NowSeconds();
    SharePolicy policy{{version, now - 86'400, now + expires_in},
                       Bytes(16, 7),
                       {*AccountName::Parse("o@example.com"), KeyUdf(signer.public_key())},
                       {}};
    for (const auto& [path, text] : paths) {
      policy.paths.push_back({path, *LabelExpression::Parse(text)});
    }
    PutThere(DumpJson(SignSharePolicy(policy, signer)));
  }
  void PutThere(const std::string& text) {
    stdfs::create_directories(share_ + "/.recryptfs");
    std::ofstream(share_ + "/.recryptfs/new") << text;
    stdfs::rename(share_ + "/.recryptfs/new", share_ + "/.recryptfs/policy.jcp");
  }
  // As the client believes a policy: the pinned owner's signature, no older version than one seen.
  void MountWithOwner(std::string label = "") {
    MountSettings settings;
    settings.label = std::move(label);
    settings.verify_policy = [master = owner_.public_key(),
                              seen = uint64_t{0}](ByteSpan text) mutable -> Result<SharePolicy> {
      RECRYPT_ASSIGN(const Json jws, ParseJson(AsText(text)));
      RECRYPT_ASSIGN(SharePolicy policy, VerifySharePolicy(jws, master));
      if (policy.version.version < seen) return Fail(ErrorCode::kStale, "an older version");
      seen = policy.version.version;
      return policy;
    };
    Mount(std::move(settings));
  }
  std::string LabelOf(const std::string& name) { return Xattr(*this / name, "user.jcd.label"); }
  // The errno of making a new file, as soon as it is no longer `while_it_is`.
  int CreateErrno(const std::string& directory, int while_it_is) {
    int error = while_it_is;
    for (int i = 0; i < 100 && error == while_it_is; ++i) {
      if (i != 0) usleep(50'000);
      error = OpenErrno(*this / directory + "/f" + std::to_string(made_++), O_WRONLY | O_CREAT);
    }
    return error;
  }
  // Waits until new files in a directory get a label.
  bool Gets(const std::string& directory, const std::string& label) {
    for (int i = 0; i < 100; ++i) {
      const std::string name = directory + "/g" + std::to_string(made_++);
      if (OpenErrno(*this / name, O_WRONLY | O_CREAT) == 0 && LabelOf(name) == label) return true;
      usleep(50'000);
    }
    return false;
  }

  const SystemClock clock_;
  const PrivateKey owner_ = PrivateKey::Generate(Curve::kEd25519);
  const PrivateKey mallory_ = PrivateKey::Generate(Curve::kEd25519);
  int made_ = 0;
};

TEST_F(PolicyChange, TakesEffectInMountsThatAreThere) {
  Publish(1, {{"d", "A#example.com"}}, owner_);
  MountWithOwner();
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  WriteFile(*this / "d/before", "x");
  EXPECT_EQ(LabelOf("d/before"), "A#example.com");
  Publish(2, {{"d", "B#example.com"}}, owner_);
  EXPECT_TRUE(Gets("d", "B#example.com"));
  EXPECT_EQ(LabelOf("d/before"), "A#example.com");
  AppendFile(*this / "d/before", "y");
  EXPECT_EQ(LabelOf("d/before"), "A#example.com");
}

TEST_F(PolicyChange, ThatTheOwnerDidNotSignStopsNewFiles) {
  Publish(2, {{"d", "A#example.com"}}, owner_);
  const std::string good = ReadFile(share_ + "/.recryptfs/policy.jcp");
  MountWithOwner("A#example.com");
  ASSERT_EQ(mkdir((*this / "d").c_str(), 0755), 0);
  WriteFile(*this / "d/before", "x");
  const std::vector<std::function<void()>> changes = {
      [&] {
        Publish(3, {{"d", "C#example.com"}}, mallory_);
      },
      [&] {
        Publish(1, {{"d", "C#example.com"}}, owner_);
      },  // an older one
      [&] { stdfs::remove(share_ + "/.recryptfs/policy.jcp"); },
      [&] { PutThere(good.substr(0, good.size() / 2)); },
      [&] { PutThere(""); },
      [&] { PutThere(R"({"type":"policy","paths":[{"path":"d","label":"C#example.com"}]})"); },
      [&] {
        stdfs::remove(share_ + "/.recryptfs/policy.jcp");
        stdfs::create_directory(share_ + "/.recryptfs/policy.jcp");
      },
      [&] {
        stdfs::remove(share_ + "/.recryptfs/policy.jcp");
        stdfs::create_symlink("/dev/zero", share_ + "/.recryptfs/policy.jcp");
      },
  };
  const size_t count = IsFullRun() ? changes.size() : 4;  // each takes two seconds
  for (size_t i = 0; i < count; ++i) {
    SCOPED_TRACE(i);
    changes[i]();
    EXPECT_NE(CreateErrno("d", 0), 0);
    EXPECT_NE(Xattr(*this / "d", "user.jcd.why").find("policy of the share"), std::string::npos);
    // What is there already is not concerned.
    EXPECT_EQ(ReadFile(*this / "d/before"), "x");
    AppendFile(*this / "d/before", "");
    std::error_code none;
    stdfs::remove(share_ + "/.recryptfs/policy.jcp", none);
    PutThere(good);
    EXPECT_TRUE(Gets("d", "A#example.com"));
  }
  for (const std::string& name : List(*this / "d"))
    EXPECT_EQ(LabelOf("d/" + name), "A#example.com");
}

TEST_F(PolicyChange, ThatHasExpiredStopsNewFiles) {
  Publish(1, {{"", "A#example.com"}}, owner_, 2);
  MountWithOwner("B#example.com");
  WriteFile(*this / "before", "x");
  EXPECT_EQ(CreateErrno(".", 0), EPERM);
  EXPECT_NE(Xattr(mountpoint_, "user.jcd.why").find("expired"), std::string::npos);
  EXPECT_EQ(ReadFile(*this / "before"), "x");
  AppendFile(*this / "before", "y");
  Publish(2, {{"", "A#example.com"}}, owner_);
  EXPECT_TRUE(Gets(".", "A#example.com"));
}

// What is made under one label and renamed when another rules has not been made under the
// directory's own.
TEST_F(PolicyChange, SavingByRenameTakesALabelOnlyFromUnderTheDirectorysOwn) {
  Publish(1, {{"a", "A#example.com"}, {"b", "B#example.com"}}, owner_);
  MountWithOwner();
  for (const char* dir : {"a", "b"}) ASSERT_EQ(mkdir((*this / dir).c_str(), 0755), 0);
  WriteFile(*this / "a/report", "first");
  ASSERT_EQ(rename((*this / "a/report").c_str(), (*this / "b/report").c_str()), 0);
  WriteFile(*this / "b/new", "second");
  Publish(2, {{"a", "A#example.com"}, {"b", "C#example.com"}}, owner_);
  ASSERT_TRUE(Gets("b", "C#example.com"));
  ASSERT_EQ(rename((*this / "b/new").c_str(), (*this / "b/report").c_str()), 0);
  EXPECT_EQ(LabelOf("b/report"), "B#example.com");
  EXPECT_EQ(ReadFile(*this / "b/report"), "second");
}

}  // namespace
}  // namespace recrypt
