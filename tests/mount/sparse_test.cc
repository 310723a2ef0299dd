// A document of 1 TiB of which nearly nothing was written: what is done to it costs what is there,
// not what there could be. Costs are counted in calls of the store, not in time.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include <fstream>

#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/faulty_store.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr uint64_t kTiB = uint64_t{1} << 40;
constexpr uint64_t kGiB = uint64_t{1} << 30;
// Of one operation. A path through the tree and a commit take some twenty; a loop over the groups
// of a terabyte would take two millions.
constexpr uint64_t kMaxCalls = 100;

int64_t PeakKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return -1;
}

class Sparse : public testing::Test {
 protected:
  void SetUp() override {
    labels_.Add("A#example.com");
    NewMount();
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts here
    before_ = PeakKib();
  }
  void TearDown() override {
    EXPECT_LT(PeakKib() - before_, 16 << 10) << "KiB more in memory";
    mount_.reset();
  }
  void NewMount() {
    mount_.reset();
    mount_.emplace(std::make_unique<FaultyStore>(*PosixStore::Open(share_), faults_), alice_);
  }
  // Succeeds, with few calls of the store.
  template <typename R>
  auto Quick(const char* what, const std::function<R()>& act) {
    faults_.Disarm();
    R result = act();
    EXPECT_LT(faults_.calls(), kMaxCalls) << what;
    if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().message);
    return result;
  }
  void Do(const char* what, const std::function<Status()>& act) { (void)Quick<Status>(what, act); }
  uint64_t SeekIn(DirectMount::File& file, uint64_t offset, SeekFor wanted) {
    return *Quick<Result<uint64_t>>("seek",
                                    [&] { return mount_->fs().Seek(file.open(), offset, wanted); });
  }
  std::string ReadAt(DirectMount::File& file, uint64_t offset, size_t size) {
    return *Quick<Result<std::string>>("read", [&] { return file.Read(offset, size); });
  }
  void Punch(DirectMount::File& file, uint64_t offset, uint64_t length) {
    Do("punch", [&] {
      return mount_->fs().Allocate(file.open(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                                   length);
    });
  }
  void ExpectStoredSmall(const std::string& name) {
    struct stat st;
    ASSERT_EQ(::stat((share_ + "/" + name + ".jcd").c_str(), &st), 0);
    EXPECT_LT(st.st_blocks * 512, 1 << 20);
  }

  TempDir dir_;
  const std::string share_ = dir_.Make("share");
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
  Faults faults_;
  std::optional<DirectMount> mount_;
  int64_t before_ = 0;
};

TEST_F(Sparse, ATebibyteMadeByTruncatingCostsNothing) {
  auto file = *mount_->Open("f", O_RDWR | O_CREAT);
  Do("truncate", [&] { return file.Truncate(kTiB); });
  Do("fsync", [&] { return file.Sync(); });
  EXPECT_EQ(mount_->Stat("f")->st_size, static_cast<off_t>(kTiB));
  for (uint64_t at : {uint64_t{0}, 3 * kGiB + 77, kTiB / 2, kTiB - 100}) {
    EXPECT_EQ(ReadAt(file, at, 100), std::string(100, '\0'));
  }
  EXPECT_EQ(SeekIn(file, 5, SeekFor::kHole), 5u);
  EXPECT_FALSE(mount_->fs().Seek(file.open(), 0, SeekFor::kData));
  Do("close", [&] { return file.Close(); });
  ExpectStoredSmall("f");
}

TEST_F(Sparse, ATebibyteMadeByAWriteAtTheEndIsReadChangedAndCut) {
  {
    auto file = *mount_->Open("f", O_RDWR | O_CREAT);
    Do("write", [&] { return file.Write(kTiB - 4, "last"); });
    Do("fsync", [&] { return file.Sync(); });
    Do("write", [&] { return file.Write(kTiB / 2 + 5, "middle"); });
    Do("fsync", [&] { return file.Sync(); });
    EXPECT_EQ(ReadAt(file, kTiB - 4, 100), "last");
    EXPECT_EQ(ReadAt(file, kTiB / 2, 12), std::string(5, '\0') + "middle" + '\0');
    EXPECT_EQ(SeekIn(file, 0, SeekFor::kData), kTiB / 2);
    EXPECT_EQ(SeekIn(file, kTiB / 2, SeekFor::kHole), kTiB / 2 + 4096);
    EXPECT_EQ(SeekIn(file, kTiB / 2 + 4096, SeekFor::kData), kTiB - 4096);
    EXPECT_EQ(SeekIn(file, kTiB - 1, SeekFor::kHole), kTiB);
    Do("close", [&] { return file.Close(); });
    ExpectStoredSmall("f");
  }
  NewMount();
  {
    EXPECT_EQ(mount_->Stat("f")->st_size, static_cast<off_t>(kTiB));
    auto again = *mount_->Open("f", O_RDWR);
    EXPECT_EQ(ReadAt(again, kTiB / 2 + 5, 6), "middle");
    Punch(again, kGiB, kTiB - 2 * kGiB);
    Do("fsync", [&] { return again.Sync(); });
    EXPECT_EQ(ReadAt(again, kTiB / 2 + 5, 6), std::string(6, '\0'));
    EXPECT_EQ(SeekIn(again, 0, SeekFor::kData), kTiB - 4096);
    Do("write", [&] { return again.Write(kTiB / 4, "quarter"); });
    Do("truncate", [&] { return again.Truncate(kTiB / 2); });
    Do("fsync", [&] { return again.Sync(); });
    Do("truncate", [&] { return again.Truncate(kTiB - 1); });
    Do("close", [&] { return again.Close(); });
  }
  NewMount();
  {
    auto third = *mount_->Open("f", O_RDWR);
    EXPECT_EQ(mount_->Stat("f")->st_size, static_cast<off_t>(kTiB - 1));
    EXPECT_EQ(ReadAt(third, kTiB / 4, 7), "quarter");
    EXPECT_EQ(ReadAt(third, kTiB - 5, 100), std::string(4, '\0'));
    EXPECT_EQ(SeekIn(third, kTiB / 4 + 4096, SeekFor::kHole), kTiB / 4 + 4096);
    Do("truncate", [&] { return third.Truncate(kGiB); });
    Do("fsync", [&] { return third.Sync(); });
    Do("truncate", [&] { return third.Truncate(0); });
    Do("close", [&] { return third.Close(); });
  }
  NewMount();
  EXPECT_EQ(mount_->Stat("f")->st_size, 0);
}

TEST_F(Sparse, RecordsOfATebibyteAreAppliedByWhatTheyHold) {
  {
    auto file = *mount_->Open("f", O_RDWR | O_CREAT);
    Do("truncate", [&] { return file.Truncate(kTiB); });
    Do("close", [&] { return file.Close(); });
  }
  for (uint64_t i = 0; i < 8; ++i) {
    auto file = *mount_->Open("f", O_RDWR);
    Do("write", [&] { return file.Write(i * 100 * kGiB, "here"); });
    Do("close", [&] { return file.Close(); });
  }
  faults_.Disarm();
  mount_.reset();  // applies
  EXPECT_LT(faults_.calls(), 4 * kMaxCalls);
  NewMount();
  auto file = *mount_->Open("f", O_RDONLY);
  for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(ReadAt(file, i * 100 * kGiB, 4), "here");
  ExpectStoredSmall("f");
}

}  // namespace
}  // namespace recrypt
