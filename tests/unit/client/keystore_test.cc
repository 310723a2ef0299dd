#include "client/keystore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/object_life.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

constexpr ScryptCost kCheap{1 << 10, 8, 1};
constexpr int64_t kNow = 1767225600;

class FixedPassphrase : public PassphraseSource {
 public:
  explicit FixedPassphrase(std::string text) : text_(std::move(text)) {}
  Result<Secret> Get(const PassphraseRequest&) override {
    ++asked;
    return Secret::CopyOf(AsBytes(text_));
  }
  int asked = 0;

 private:
  std::string text_;
};

Json ProfileOf(const Identity& identity, uint64_t version) {
  return SignProfile({VersionFrom(version, kNow),
                      identity.account,
                      identity.account_key,
                      {{identity.device_name, identity.device_sign.public_key(),
                        identity.device_encrypt.public_key()}},
                      {}},
                     *identity.master);
}

Identity NewIdentity() {
  const PrivateKey master = PrivateKey::Generate(Curve::kEd25519);
  Identity identity{Account("alice@example.com"),
                    master.public_key(),
                    master,
                    "laptop",
                    PrivateKey::Generate(Curve::kEd25519),
                    PrivateKey::Generate(Curve::kX25519),
                    {}};
  identity.profile = ProfileOf(identity, 1);
  return identity;
}

class KeystoreTest : public testing::Test {
 protected:
  void Create(const std::optional<Secret>& passphrase) {
    auto created = Keystore::Create(path_, identity_, passphrase, kCheap);
    ASSERT_TRUE(created) << created.error().message;
  }

  TestFolder folder_;
  const std::string path_ = folder_ / "keystore.json";
  const Identity identity_ = NewIdentity();
  const std::optional<Secret> passphrase_ = Secret::CopyOf(AsBytes("open sesame"));
  FixedPassphrase right_{"open sesame"};
  FixedPassphrase wrong_{"open barley"};
};

TEST_F(KeystoreTest, OpensWithItsPassphrase) {
  Create(passphrase_);
  auto opened = Keystore::Open(path_, right_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->sealed());
  EXPECT_EQ(opened->identity().account, identity_.account);
  EXPECT_EQ(opened->identity().device_name, "laptop");
  EXPECT_EQ(opened->identity().profile, identity_.profile);
  EXPECT_TRUE(opened->identity().master->RevealBytes().Equals(identity_.master->RevealBytes()));
  EXPECT_TRUE(
      opened->identity().device_sign.RevealBytes().Equals(identity_.device_sign.RevealBytes()));
  EXPECT_TRUE(opened->identity().device_encrypt.RevealBytes().Equals(
      identity_.device_encrypt.RevealBytes()));
}

TEST_F(KeystoreTest, AWrongPassphraseSaysSoAndChangesNothing) {
  Create(passphrase_);
  const std::string before = ReadText(path_);
  auto opened = Keystore::Open(path_, wrong_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
  EXPECT_NE(opened.error().message.find("wrong passphrase"), std::string::npos);
  EXPECT_EQ(ReadText(path_), before);
}

TEST_F(KeystoreTest, LoosePermissionsAreRefusedWithTheRemedy) {
  Create(passphrase_);
  for (mode_t mode : {0640u, 0604u, 0660u, 0620u}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    auto opened = Keystore::Open(path_, right_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
    EXPECT_NE(opened.error().message.find("chmod 600 " + path_), std::string::npos);
    EXPECT_FALSE(Keystore::Inspect(path_));
  }
  EXPECT_EQ(right_.asked, 0) << "asked for a passphrase before the permissions were checked";
}

TEST_F(KeystoreTest, AnotherUsersFileIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  Create(passphrase_);
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  auto opened = Keystore::Open(path_, right_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
  EXPECT_NE(opened.error().message.find("another user"), std::string::npos);
}

TEST_F(KeystoreTest, IsWrittenForItsOwnerAloneAndHoldsNoKeyInTheClear) {
  Create(passphrase_);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string text = ReadText(path_);
  EXPECT_EQ(text.find(Base64UrlEncode(identity_.master->RevealBytes().Reveal())),
            std::string::npos);
  EXPECT_EQ(text.find("laptop"), std::string::npos);
}

TEST_F(KeystoreTest, UnsealedAsksNobody) {
  Create(std::nullopt);
  auto opened = Keystore::Open(path_, wrong_);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_FALSE(opened->sealed());
  EXPECT_EQ(wrong_.asked, 0);
  const auto summary = Keystore::Inspect(path_);
  ASSERT_TRUE(summary);
  EXPECT_FALSE(summary->sealed);
  EXPECT_EQ(summary->account, identity_.account);
}

TEST_F(KeystoreTest, IsNotReplacedByAnotherOne) {
  Create(passphrase_);
  const std::string before = ReadText(path_);
  EXPECT_EQ(Keystore::Create(path_, NewIdentity(), std::nullopt).error().code, ErrorCode::kExists);
  EXPECT_EQ(ReadText(path_), before);
}

TEST_F(KeystoreTest, MissingSaysWhatToRun) {
  auto opened = Keystore::Open(path_, right_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_NE(opened.error().message.find("recryptfs profile create"), std::string::npos);
}

TEST_F(KeystoreTest, AFlippedBitAnywhereIsRefused) {
  Create(passphrase_);
  const std::string good = ReadText(path_);
  for (size_t i = 0; i < good.size() - 1; i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    WriteText(path_, bad);
    // A flipped cost that is still in range would make this slow, not wrong.
    if (bad.substr(0, bad.find("\"salt\""))
            .find("\"n\":1024,\"name\":\"scrypt\",\"p\":1,\"r\":8") == std::string::npos) {
      continue;
    }
    EXPECT_FALSE(Keystore::Open(path_, right_)) << "byte " << i;
  }
}

TEST_F(KeystoreTest, ANewerProfileIsKeptUnderTheSameSeal) {
  Create(passphrase_);
  Keystore keystore = Keystore::Open(path_, right_).value();
  const Json newer = ProfileOf(identity_, 2);
  ASSERT_TRUE(keystore.ReplaceProfile(newer));
  EXPECT_EQ(keystore.identity().profile, newer);
  EXPECT_EQ(Keystore::Open(path_, right_)->identity().profile, newer);
  EXPECT_EQ(keystore.ReplaceProfile(ProfileOf(identity_, 2)).error().code, ErrorCode::kStale);
  EXPECT_EQ(keystore.ReplaceProfile(ProfileOf(NewIdentity(), 3)).error().code, ErrorCode::kDenied);
}

TEST_F(KeystoreTest, ThePassphraseCanBeChangedAndTakenAway) {
  Create(passphrase_);
  Keystore keystore = Keystore::Open(path_, right_).value();
  ASSERT_TRUE(keystore.ChangePassphrase(Secret::CopyOf(AsBytes("open barley")), kCheap));
  EXPECT_FALSE(Keystore::Open(path_, right_));
  ASSERT_TRUE(Keystore::Open(path_, wrong_));
  ASSERT_TRUE(keystore.ChangePassphrase(std::nullopt));
  EXPECT_FALSE(Keystore::Open(path_, right_)->sealed());
}

}  // namespace
}  // namespace recrypt
