// What is asked of a document while another mount changes it: an answer about one of its states,
// and no error.
#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <utility>

#include "core/jcd/document.h"
#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/fake_access.h"
#include "tests/mount/support/mounted.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Lets something happen before the next read of a stored file.
class InterruptedReads : public WrappedStore {
 public:
  InterruptedReads(std::unique_ptr<Store> inner, std::function<void()>& before_read)
      : WrappedStore(std::move(inner)), before_read_(before_read) {}
  Result<size_t> ReadAt(int fd, uint64_t offset, MutableByteSpan out) override {
    if (before_read_) std::exchange(before_read_, nullptr)();
    return WrappedStore::ReadAt(fd, offset, out);
  }

 private:
  std::function<void()>& before_read_;
};

class ChangedMeanwhile : public ::testing::Test {
 protected:
  void SetUp() override { labels_.Add("A#example.com"); }
  // Each a mount of its own, that is gone afterwards.
  void WriteElsewhere(const std::string& name, std::string_view content, uint64_t size) {
    DirectMount another(*PosixStore::Open(share_), alice_);
    auto file = *another.Open(name, O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_TRUE(file.Write(0, content));
    if (size != content.size()) {
      EXPECT_TRUE(file.Truncate(size));
    }
    EXPECT_TRUE(file.Close());
  }
  void BringIntoPlaceElsewhere(const std::string& name) {
    DirectMount another(*PosixStore::Open(share_), alice_);
    EXPECT_TRUE(another.Open(name, O_RDONLY));
  }
  uint64_t StoredLength(const std::string& name) {
    return std::filesystem::file_size(share_ + "/" + name + ".jcd");
  }
  Result<uint64_t> Seek(DirectMount::File& file, uint64_t offset, SeekFor what) {
    return mount_.fs().Seek(file.open(), offset, what);
  }

  TempDir dir_;
  const std::string share_ = dir_.Make("share");
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
  std::function<void()> before_read_;
  DirectMount mount_{std::make_unique<InterruptedReads>(*PosixStore::Open(share_), before_read_),
                     alice_};
};

TEST_F(ChangedMeanwhile, HolesAndDataAreFoundInWhatIsThereNow) {
  // Of a file that is open for writing, what only the kernel has yet is fetched first.
  for (const int flags : {O_RDONLY, O_RDWR}) {
    const std::string name = flags == O_RDONLY ? "read" : "written";
    WriteElsewhere(name, RandomText(3 * kMiB, 1), 3 * kMiB);
    auto file = *mount_.Open(name, flags);
    WriteElsewhere(name, RandomText(kMiB, 2), 4 * kMiB);
    EXPECT_EQ(*Seek(file, 0, SeekFor::kHole), kMiB);
    EXPECT_EQ(*Seek(file, 0, SeekFor::kData), 0u);
    auto behind = Seek(file, kMiB, SeekFor::kData);
    ASSERT_FALSE(behind);
    EXPECT_EQ(ErrnoOf(behind.error()), ENXIO);
  }
}

TEST_F(ChangedMeanwhile, NothingIsFoundInWhatWasEmptied) {
  WriteElsewhere("f", RandomText(kMiB, 1), kMiB);
  auto file = *mount_.Open("f", O_RDONLY);
  WriteElsewhere("f", "", 0);
  for (const SeekFor what : {SeekFor::kData, SeekFor::kHole}) {
    auto found = Seek(file, 0, what);
    ASSERT_FALSE(found);
    EXPECT_EQ(ErrnoOf(found.error()), ENXIO);
  }
}

// Records stand behind a document until they are brought into place; its size is read there.
TEST_F(ChangedMeanwhile, ASizeIsShownWhileRecordsAreBroughtIntoPlace) {
  constexpr size_t kSize = 100'000;
  WriteElsewhere("f", RandomText(kSize, 1), kSize);
  {
    DirectMount another(*PosixStore::Open(share_), alice_);
    auto file = *another.Open("f", O_RDWR);
    EXPECT_TRUE(file.Write(5'000, "changed"));
    EXPECT_TRUE(file.Sync());
    std::filesystem::copy(share_ + "/f.jcd", share_ + "/copy.jcd");
  }
  ASSERT_GT(StoredLength("copy"), StoredLengthFromSize(kSize)) << "no records";
  before_read_ = [this] { BringIntoPlaceElsewhere("copy"); };
  EXPECT_EQ(mount_.Lookup("copy")->attributes().st_size, kSize);
  EXPECT_EQ(StoredLength("copy"), StoredLengthFromSize(kSize)) << "nothing happened meanwhile";
}

// The kernel looks a name up again when it is answered ESTALE, and asks once more only.
TEST_F(ChangedMeanwhile, AFileThatAnotherMountMadeFirstIsOpenedThoughItGrows) {
  const Caller program{.thread = 1};
  FileSystem& fs = mount_.fs();
  ASSERT_FALSE(mount_.Lookup("f"));
  WriteElsewhere("f", "alice\n", 6);
  const auto made = fs.CreateFile(fs.root(), "f", 0644, O_WRONLY | O_APPEND, program);
  ASSERT_FALSE(made);
  ASSERT_EQ(ErrnoOf(made.error()), ESTALE);
  const DirectMount::Known found = *mount_.Lookup("f");
  WriteElsewhere("f", "alice\nalice\n", 12);
  auto opened = fs.Open(*found, O_WRONLY | O_APPEND, program);
  ASSERT_TRUE(opened) << opened.error().message;
  fs.Close(*opened->file);
}

}  // namespace
}  // namespace recrypt
