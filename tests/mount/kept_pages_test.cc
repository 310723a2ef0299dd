// Which pages the kernel may keep when a document is opened again: those of the state that is read.
#include <fcntl.h>

#include <cerrno>
#include <stdexcept>

#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/fake_access.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

const Caller kProgram{.thread = 1};

class KeptPages : public ::testing::Test {
 protected:
  FileSystem::Opened Open() {
    auto opened = mount_.fs().Open(*here_, O_RDONLY, kProgram);
    if (!opened && ErrnoOf(opened.error()) == ESTALE) {
      (void)mount_.Lookup("f");
      opened = mount_.fs().Open(*here_, O_RDONLY, kProgram);
    }
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  bool AreKept() {
    const FileSystem::Opened opened = Open();
    mount_.fs().Close(*opened.file);
    return opened.keep_pages;
  }
  // As open(2) fails.
  int OpenErrno(int flags) {
    auto opened = mount_.fs().Open(*here_, flags, kProgram);
    if (!opened) return ErrnoOf(opened.error());
    mount_.fs().Close(*opened->file);
    return 0;
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

  ChangeElsewhere("the fifth");
  AttributeChange change;
  change.size = 6;
  EXPECT_TRUE(mount_.fs().SetAttributes(*here_, change, nullptr));
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
}

TEST_F(KeptPages, AnOpeningThatMakesTheKernelLookAgainDoesNotHideAnothersChange) {
  (void)AreKept();
  ChangeElsewhere("new");  // shorter than what the kernel believes
  EXPECT_EQ(OpenErrno(O_RDONLY), ESTALE);
  EXPECT_EQ(mount_.Lookup("f")->attributes().st_size, 3);
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
}

TEST_F(KeptPages, AnOpeningThatIsRefusedDoesNotHideAnothersChange) {
  (void)AreKept();
  ChangeElsewhere("second");
  alice_.may_write = false;
  EXPECT_EQ(OpenErrno(O_RDWR), EACCES);
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
}

// The kernel drops pages when it has the answer: until it is known to have done that, who asks
// next is told the same.
TEST_F(KeptPages, OfAStateBeforeAnothersChangeNoneAreForWhoeverOpensItAtOnce) {
  (void)AreKept();
  ChangeElsewhere("second");
  const FileSystem::Opened first = Open(), second = Open();
  EXPECT_FALSE(first.keep_pages);
  EXPECT_FALSE(second.keep_pages);
  Bytes read(10);
  EXPECT_EQ(*mount_.fs().Read(*second.file, 0, read), 6u);
  EXPECT_TRUE(AreKept());
  ChangeElsewhere("third!");
  mount_.fs().Close(*second.file);  // opened before that
  EXPECT_FALSE(AreKept());
  EXPECT_TRUE(AreKept());
  mount_.fs().Close(*first.file);
}

// What the kernel is told of a size is lost on it when it crosses with something else.
TEST_F(KeptPages, TheKernelLooksAgainAfterAnothersCutWhateverItWasTold) {
  (void)AreKept();
  ChangeElsewhere("new");
  EXPECT_EQ(mount_.fs().GetAttributes(*here_)->st_size, 3);
  EXPECT_EQ(OpenErrno(O_RDONLY), ESTALE);
  EXPECT_EQ(OpenErrno(O_RDONLY), 0);
  // Its own cuts it has made itself.
  EXPECT_EQ(OpenErrno(O_RDONLY | O_TRUNC), 0);
  EXPECT_EQ(OpenErrno(O_RDONLY), 0);
}

}  // namespace
}  // namespace recrypt
