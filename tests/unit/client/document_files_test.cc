#include "client/document_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

class DocumentFilesTest : public testing::Test {
 protected:
  DocumentFilesTest() { WriteText(plain_, content_); }

  Status Encrypt(Access& access, Signing signing = Signing::kAuthor) {
    return EncryptFile(access, {Expression("Accounting#example.com"), "plain.txt", signing}, plain_,
                       stored_, Overwrite::kRefuse);
  }
  Result<Decrypted> Decrypt(Access& access, Overwrite overwrite = Overwrite::kRefuse) {
    return DecryptFile(access, clock_, stored_, folder_ / "out.txt", {overwrite});
  }
  void ExpectNothingLeft() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(name == "plain.txt" || name == "plain.txt.jcd") << name;
    }
  }

  World world_;
  SystemClock clock_;
  TestFolder folder_;
  const std::string plain_ = folder_ / "plain.txt";
  const std::string stored_ = folder_ / "plain.txt.jcd";
  const std::string content_ = std::string(1'500'000, 'x') + "the end";
  std::unique_ptr<Access> alice_ = world_.alice.client().MakeAccess();
  std::unique_ptr<Access> bob_ = world_.bob.client().MakeAccess();
  std::unique_ptr<Access> carol_ = world_.carol.client().MakeAccess();
};

TEST_F(DocumentFilesTest, AMemberDecryptsWhatAnotherEncrypted) {
  ASSERT_EQ(::chmod(plain_.c_str(), 0640), 0);
  auto encrypted = Encrypt(*alice_);
  ASSERT_TRUE(encrypted) << encrypted.error().message;
  EXPECT_EQ(ReadText(stored_).find("the end"), std::string::npos);
  auto decrypted = Decrypt(*bob_);
  ASSERT_TRUE(decrypted) << decrypted.error().message;
  EXPECT_EQ(ReadText(folder_ / "out.txt"), content_);
  EXPECT_EQ(decrypted->name, "plain.txt");
  EXPECT_EQ(decrypted->size, content_.size());
  EXPECT_EQ(decrypted->authorship.author, "alice@example.com");
  EXPECT_EQ(decrypted->expression.text(), "Accounting#example.com");
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "out.txt").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(DocumentFilesTest, StreamsGoThroughPipes) {
  UniqueFd in(::open(plain_.c_str(), O_RDONLY));
  UniqueFd out(::open(stored_.c_str(), O_WRONLY | O_CREAT, 0600));
  ASSERT_TRUE(
      EncryptStream(*alice_, {Expression("Accounting#example.com"), ""}, in.get(), out.get()));
  UniqueFd stored(::open(stored_.c_str(), O_RDONLY));
  UniqueFd back(::open((folder_ / "out.txt").c_str(), O_WRONLY | O_CREAT, 0600));
  auto decrypted = DecryptStream(*bob_, clock_, stored.get(), back.get());
  ASSERT_TRUE(decrypted) << decrypted.error().message;
  EXPECT_EQ(ReadText(folder_ / "out.txt"), content_);
  EXPECT_EQ(decrypted->authorship.author, "alice@example.com");
}

TEST_F(DocumentFilesTest, ACutStreamFails) {
  ASSERT_TRUE(Encrypt(*alice_));
  const std::string whole = ReadText(stored_);
  WriteText(stored_, whole.substr(0, whole.size() - 40));
  UniqueFd stored(::open(stored_.c_str(), O_RDONLY));
  UniqueFd nowhere(::open("/dev/null", O_WRONLY));
  auto decrypted = DecryptStream(*bob_, clock_, stored.get(), nowhere.get());
  ASSERT_FALSE(decrypted);
  EXPECT_EQ(decrypted.error().code, ErrorCode::kCorrupt);
}

TEST_F(DocumentFilesTest, AFailedDecryptLeavesNothingBehind) {
  ASSERT_TRUE(Encrypt(*alice_));
  const std::string whole = ReadText(stored_);
  for (size_t at : {size_t{5000}, whole.size() / 2, whole.size() - 100}) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    WriteText(stored_, bad);
    auto decrypted = Decrypt(*bob_);
    ASSERT_FALSE(decrypted) << at;
    EXPECT_EQ(decrypted.error().code, ErrorCode::kCorrupt) << decrypted.error().message;
    ExpectNothingLeft();
  }
  WriteText(stored_, whole.substr(0, whole.size() - 1000));
  EXPECT_FALSE(Decrypt(*bob_));
  WriteText(stored_, "garbage");
  EXPECT_FALSE(Decrypt(*bob_));
  ExpectNothingLeft();
}

TEST_F(DocumentFilesTest, WithoutAGrantNothingIsWritten) {
  ASSERT_TRUE(Encrypt(*alice_));
  auto decrypted = Decrypt(*carol_);
  ASSERT_FALSE(decrypted);
  EXPECT_EQ(decrypted.error().code, ErrorCode::kDenied);
  ExpectNothingLeft();
}

TEST_F(DocumentFilesTest, AnExistingFileIsReplacedOnlyByForce) {
  ASSERT_TRUE(Encrypt(*alice_));
  EXPECT_EQ(Encrypt(*alice_).error().code, ErrorCode::kExists);
  WriteText(folder_ / "out.txt", "precious");
  EXPECT_EQ(Decrypt(*bob_).error().code, ErrorCode::kExists);
  EXPECT_EQ(ReadText(folder_ / "out.txt"), "precious");
  ASSERT_TRUE(Decrypt(*bob_, Overwrite::kReplace));
  EXPECT_EQ(ReadText(folder_ / "out.txt"), content_);
}

TEST_F(DocumentFilesTest, AnUnsignedDocumentIsRefusedByReaders) {
  // carol has the label's public key, as everybody has.
  auto unsigned_one = Encrypt(*carol_, Signing::kUnsigned);
  ASSERT_TRUE(unsigned_one) << unsigned_one.error().message;
  auto decrypted = Decrypt(*bob_);
  ASSERT_FALSE(decrypted);
  EXPECT_EQ(decrypted.error().code, ErrorCode::kDenied) << decrypted.error().message;
}

TEST_F(DocumentFilesTest, WhoMayNotWriteEncryptsNothing) {
  auto encrypted = Encrypt(*carol_);
  ASSERT_FALSE(encrypted);
  EXPECT_EQ(encrypted.error().code, ErrorCode::kDenied);
  ExpectNothingLeft();
}

TEST_F(DocumentFilesTest, AnEmptyFileComesBackEmpty) {
  WriteText(plain_, "");
  ASSERT_TRUE(Encrypt(*alice_));
  auto decrypted = Decrypt(*bob_);
  ASSERT_TRUE(decrypted) << decrypted.error().message;
  EXPECT_EQ(ReadText(folder_ / "out.txt"), "");
}

TEST_F(DocumentFilesTest, TheHeaderIsReadWithoutAnyGrant) {
  ASSERT_TRUE(Encrypt(*alice_));
  auto header = ReadHeader(stored_);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->expression.text(), "Accounting#example.com");
  EXPECT_FALSE(ReadHeader(plain_));
}

}  // namespace
}  // namespace recrypt
