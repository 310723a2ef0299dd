// Which pages the kernel may keep when a document is opened again: those of the state that is read.
#include <fcntl.h>

#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/fake_access.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

class KeptPages : public ::testing::Test {
 protected:
  bool AreKept() {
    auto opened = mount_.fs().Open(*here_, O_RDONLY);
    EXPECT_TRUE(opened);
    mount_.fs().Close(*opened->file);
    return opened->keep_pages;
  }
  void ChangeElsewhere(std::string_view content) {
    DirectMount another(*PosixStore::Open(share_), alice_);
    ASSERT_TRUE(another.Write("f", content));
  }
  DirectMount NewMount() { return DirectMount(*PosixStore::Open(share_), alice_); }

  TempDir dir_;
  const std::string share_ = dir_.Make("share");
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
  DirectMount mount_ = [this] {
    labels_.Add("A#example.com");
    EXPECT_TRUE(NewMount().Write("f", "first"));
    return NewMount();
  }();
  DirectMount::Known here_ = *mount_.Lookup("f");
};

TEST_F(KeptPages, OfAnUnchangedDocumentAllAre) {
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
  EXPECT_TRUE(AreKept());
}

TEST_F(KeptPages, OfAStateBeforeAnothersChangeNoneAre) {
  (void)AreKept();
  ChangeElsewhere("second");
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
}

// Each of these reads the new state before the opening does.
TEST_F(KeptPages, OfAStateBeforeAnothersChangeNoneAreWhateverNoticedItFirst) {
  auto reader = *mount_.Open("f", O_RDONLY);
  EXPECT_EQ(*reader.ReadAll(), "first");
  ChangeElsewhere("second");
  EXPECT_EQ(mount_.Stat("f")->st_size, 6);
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());

  ChangeElsewhere("third");
  char value[100];
  EXPECT_FALSE(mount_.fs().GetXattr(*here_, "user.none", value, sizeof value));
  EXPECT_TRUE(mount_.fs().GetXattr(*here_, "user.jcd.signer", value, sizeof value));
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());

  auto writer = *mount_.Open("f", O_WRONLY);
  ChangeElsewhere("the fourth");
  EXPECT_TRUE(writer.Write(0, "The"));
  EXPECT_TRUE(writer.Sync());
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
}

}  // namespace
}  // namespace recrypt
