// A label gets a new key while it is mounted: what is written from then on is not for who knows
// every key from before.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "core/jcd/block_cipher.h"
#include "core/jcd/node.h"
#include "core/udf/udf.h"
#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/fake_access.h"
#include "tests/mount/support/two_mounts.h"

namespace recrypt {
namespace {

constexpr size_t kSize = 3 * kGroupBytes - 1000;

// Of a file as long as that, each block of which is written again and again.
TEST(DataKey, IsReplacedOnceSoManyBlocksWereWrittenUnderIt) {
  constexpr size_t kBlocks = 60;
  TempDir dir;
  const std::string share = dir.Make("share");
  FakeLabels labels;
  labels.Add("A#example.com");
  FakeAccess alice(labels, "alice@example.com");
  const auto keys_now = [&] {
    const std::string stored = ReadFile(share + "/f.jcd");
    const Header header = ParseHeader(AsBytes(stored).first(kHeaderRegion)).value();
    return alice.Open(header, GrantUse::kPrefetch)->keys.Clone().keys;
  };
  DirectMount::Settings settings;
  settings.key_writes = 2 * kBlocks;
  std::vector<uint32_t> newest;
  std::string content;
  for (uint64_t round = 0; round < 12; ++round) {
    content = RandomText(kBlocks * kBlockSize, round);
    {
      // Brings all into place as it goes.
      DirectMount mount(*PosixStore::Open(share), alice, settings);
      auto file = *mount.Open("f", O_RDWR | O_CREAT);
      ASSERT_TRUE(file.Write(0, content));
      ASSERT_TRUE(file.Sync());
      EXPECT_EQ(*file.ReadAll(), content);
      ASSERT_TRUE(file.Close());
    }
    newest.push_back(keys_now().back().number);
  }
  // Two rounds under each; a header has room for four keys, and older ones go.
  EXPECT_EQ(newest, (std::vector<uint32_t>{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}));
  EXPECT_LE(keys_now().size(), 4u);
  DirectMount mount(*PosixStore::Open(share), alice, settings);
  EXPECT_EQ(*mount.Read("f"), content);
}

class Rotation : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    Mount();
    WriteFile(*this / "f", content_);
    old_ = KeysNow();
  }

  Bytes StoredBytes() {
    const std::string text = ReadFile(Stored("f.jcd"));
    return ToBytes(AsBytes(text));
  }
  Header HeaderNow() { return ParseHeader(ByteSpan(StoredBytes()).first(kHeaderRegion)).value(); }
  uint32_t EpochNow() {
    const FakeLabel& label = *labels_.Find(HeaderNow().expression.Labels().front());
    for (uint32_t epoch = 1; epoch <= label.keys.size(); ++epoch) {
      if (label.keys[epoch - 1].kid == HeaderNow().jwe.recipients[0].kids[0]) return epoch;
    }
    return 0;
  }
  DocumentKeys KeysNow() { return alice_->Open(HeaderNow(), GrantUse::kPrefetch)->keys.Clone(); }
  void Overwrite(const std::string& text, size_t offset) {
    const UniqueFd fd = OpenFd(*this / "f", O_RDWR);
    ASSERT_EQ(pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(text.size()))
        << std::strerror(errno);
    ASSERT_EQ(fsync(fd.get()), 0);
    content_.replace(offset, text.size(), text);
  }
  // Brings everything into place, and mounts again.
  void Remount() { Mount(); }
  // How many blocks of a group of the stored file somebody with these keys alone decrypts.
  size_t Decrypts(const std::vector<DataKey>& keys, uint64_t group) {
    const Bytes stored = StoredBytes();
    const Layout layout(kSize);
    Node table = Node::Zero(0, layout.NodeEntries(0, group));
    std::copy_n(&stored[layout.NodeOffset(0, group)], table.bytes().size(),
                table.mutable_bytes().data());
    size_t opened = 0;
    for (uint64_t i = 0; i < table.entries(); ++i) {
      const uint64_t block = group * kGroupBlocks + i;
      const ByteSpan sealed =
          ByteSpan(stored).subspan(BlockOffset(block), layout.BytesInBlock(block));
      for (const DataKey& key : keys) {
        // Under its own number, and as the one that the group names.
        for (const uint32_t number : {key.number, table.key()}) {
          std::vector<DataKey> one;
          one.push_back({number, key.key.Clone()});
          BlockContexts contexts(DataKeys::Make(old_->uid, std::move(one)).value());
          Bytes plain(sealed.size());
          opened += contexts.OpenBlock(number, block, sealed, table.Entry(i), plain.data()) ? 1 : 0;
          if (key.number == table.key()) break;
        }
      }
    }
    return opened;
  }

  std::string content_ = RandomText(kSize, 1);
  std::optional<DocumentKeys> old_;  // all that a member could get before
};

TEST_F(Rotation, TheFirstChangeGoesUnderTheNewKeyAndUnderAFreshDataKey) {
  ASSERT_EQ(EpochNow(), 1u);
  alice_->epoch = 2;
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  EXPECT_EQ(EpochNow(), 1u) << "reading changes nothing";
  Overwrite("x", kGroupBytes + 5);
  Remount();
  EXPECT_EQ(EpochNow(), 2u);
  const DocumentKeys keys = KeysNow();
  ASSERT_EQ(keys.keys.size(), 2u);
  EXPECT_TRUE(keys.keys[0].key.Equals(old_->keys[0].key));
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  Overwrite("y", kGroupBytes + 5);
  Remount();
  EXPECT_EQ(KeysNow().keys.size(), 2u) << "one more with each epoch, not with each change";
  EXPECT_EQ(Xattr(*this / "f", "user.jcd.signer"), "alice@example.com");
}

TEST_F(Rotation, WhoHasEveryEarlierKeyReadsNothingThatIsWrittenLater) {
  const FakeLabel& label = *labels_.Find(HeaderNow().expression.Labels().front());
  ASSERT_EQ(Decrypts(old_->keys, 0), kGroupBlocks);
  ASSERT_EQ(Decrypts(old_->keys, 1), kGroupBlocks);
  alice_->epoch = 2;
  Overwrite("x", kGroupBytes + 5);
  Remount();
  // The group that was changed is encrypted anew as a whole; what was readable before stays so.
  EXPECT_EQ(Decrypts(old_->keys, 0), kGroupBlocks);
  EXPECT_EQ(Decrypts(old_->keys, 1), 0u);
  EXPECT_EQ(Decrypts(KeysNow().keys, 1), kGroupBlocks);
  // Nor do they get at the new data key, with the label's whole earlier key.
  const Header header = HeaderNow();
  const std::string& kid = header.jwe.recipients[0].kids[0];
  AgreedSecrets secrets;
  std::vector<Secret> candidates;
  candidates.push_back(label.keys[0].key.Agree(EphemeralFor(header, kid).value()).value());
  secrets.emplace(kid, std::move(candidates));
  EXPECT_FALSE(OpenHeader(header, secrets));
}

TEST_F(Rotation, AFileThatIsOpenAllTheTimeGoesUnderTheNewKeyToo) {
  const UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "a", 1, 0), 1);
  ASSERT_EQ(fsync(fd.get()), 0);
  ASSERT_EQ(EpochNow(), 1u);
  alice_->epoch = 2;
  ASSERT_EQ(pwrite(fd.get(), "b", 1, 1), 1);
  ASSERT_EQ(fsync(fd.get()), 0);
  content_.replace(0, 2, "ab");
  Remount();
  EXPECT_EQ(EpochNow(), 2u);
  EXPECT_EQ(ReadFile(*this / "f"), content_);
}

TEST_F(Rotation, AttributesThatAreSetLaterAreUnderIt) {
  ASSERT_EQ(setxattr((*this / "f").c_str(), "user.colour", "blue", 4, 0), 0);
  alice_->epoch = 2;
  ASSERT_EQ(setxattr((*this / "f").c_str(), "user.colour", "blue", 4, 0), 0);
  EXPECT_EQ(EpochNow(), 1u) << "nothing was changed";
  ASSERT_EQ(setxattr((*this / "f").c_str(), "user.colour", "red", 3, 0), 0);
  Remount();
  EXPECT_EQ(EpochNow(), 2u);
  EXPECT_EQ(Xattr(*this / "f", "user.colour"), "red");
  EXPECT_EQ(ReadFile(*this / "f"), content_);
}

// What was prepared for a change that did not come is no change.
TEST_F(Rotation, AChangeThatIsNoneLeavesTheDocumentAsItIs) {
  ASSERT_EQ(setxattr((*this / "f").c_str(), "user.colour", "blue", 4, 0), 0);
  Remount();  // all in place, and durable
  const Bytes before = StoredBytes();
  alice_->epoch = 2;
  const UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(fsetxattr(fd.get(), "user.colour", "blue", 4, 0), 0);
  ASSERT_EQ(fsync(fd.get()), 0);
  EXPECT_TRUE(StoredBytes() == before);
  ASSERT_EQ(pwrite(fd.get(), "z", 1, 9), 1);
  ASSERT_EQ(fsync(fd.get()), 0);
  content_[9] = 'z';
  Remount();
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  EXPECT_EQ(EpochNow(), 2u);
}

TEST_F(Rotation, ManyNewKeysMakeRoomForOneAnother) {
  ASSERT_EQ(setxattr((*this / "f").c_str(), "user.colour", "blue", 4, 0), 0);
  for (uint32_t epoch = 2; epoch <= FakeLabels::kEpochs; ++epoch) {
    alice_->epoch = epoch;
    Overwrite(std::to_string(epoch), epoch * 100'000);
    if (epoch % 2 == 0) Remount();
    EXPECT_EQ(ReadFile(*this / "f"), content_) << epoch;
  }
  Remount();
  EXPECT_EQ(EpochNow(), FakeLabels::kEpochs);
  EXPECT_LE(KeysNow().keys.size(), 4u);
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  EXPECT_EQ(Xattr(*this / "f", "user.colour"), "blue");
}

TEST_F(Rotation, WhileNobodyTellsOfTheKeyTheOneThatIsKnownServes) {
  alice_->epoch = 2;
  alice_->cannot_renew = static_cast<int>(ErrorCode::kUnavailable);
  Overwrite("x", 5);
  Remount();
  EXPECT_EQ(EpochNow(), 1u);
  EXPECT_EQ(ReadFile(*this / "f"), content_);
}

TEST_F(Rotation, AKeyThatIsNotToBeHadIsNoReasonToWriteUnderTheOldOne) {
  const Bytes before = StoredBytes();
  alice_->epoch = 2;
  alice_->cannot_renew = static_cast<int>(ErrorCode::kDenied);
  {
    const UniqueFd fd = OpenFd(*this / "f", O_RDWR);
    EXPECT_TRUE(pwrite(fd.get(), "x", 1, 5) == -1 || fsync(fd.get()) == -1);
  }
  EXPECT_EQ(ReadFile(*this / "f"), content_);
  alice_->cannot_renew = 0;
  EXPECT_TRUE(StoredBytes() == before);
  Overwrite("x", 5);
  EXPECT_EQ(ReadFile(*this / "f"), content_);
}

class RotationOfTwoMounts : public TwoMountsTest {};

// One mount knows of the new key before the other.
TEST_P(RotationOfTwoMounts, BothGoOnReadingAndWriting) {
  std::string content = RandomText(kSize, 2);
  WriteFile(*this / "f", content);
  EXPECT_EQ(ReadFile(Other("f")), content);
  alice_->epoch = 2;
  for (int i = 0; i < 6; ++i) {
    if (i == 4) bob_->epoch = 2;
    const UniqueFd fd = OpenFd(At(i % 2, "f"), O_RDWR);
    const std::string text = std::to_string(i);
    const off_t at = 300'000 * i;
    ASSERT_EQ(pwrite(fd.get(), text.data(), text.size(), at), 1) << i;
    ASSERT_EQ(fsync(fd.get()), 0) << i << " " << std::strerror(errno);
    content.replace(static_cast<size_t>(at), 1, text);
    EXPECT_EQ(ReadFile(At((i + 1) % 2, "f")), content) << i;
  }
}
RECRYPT_OVER_ALL_STORES(RotationOfTwoMounts);

}  // namespace
}  // namespace recrypt
