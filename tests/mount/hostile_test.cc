// Somebody who controls the storage changes what is stored: a reader gets exact bytes or EIO.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "tests/mount/support/hostile_store.h"

namespace recrypt {
namespace {

TEST_F(HostileStore, EveryByteOfASmallDocumentIsExactOrEio) {
  History history(*this, "s");
  history.Change(0, 100);
  history.Settle();
  const StoredForm& form = forms_.back();
  for (size_t at = 0; at < form.stored.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (!IsFullRun() && bit != at % 8) continue;
      Bytes stored = form.stored;
      stored[at] ^= static_cast<uint8_t>(1u << bit);
      Store("s", stored);
      const Reading reading = LocalMount(share_, alice_).Read("s");
      ASSERT_EQ(WhyWrong(reading, stored, forms_), "") << "bit " << bit << " of byte " << at;
      ASSERT_EQ(reading.complete(), at >= kSlot0 && at < kHeaderRegion) << at;
    }
  }
}

TEST_F(HostileStore, AMutatedDocumentIsExactOrEio) {
  MakeDocuments();
  const uint64_t seed = Seed();
  Mutator mutator(forms_, seed);
  Outcomes outcomes;
  for (int i = 0; i < (IsFullRun() ? 10'000 : 400); ++i) {
    const StoredForm& target = forms_[targets_[static_cast<size_t>(i) % 2]];
    const Mutation mutation = mutator.Next(target);
    SCOPED_TRACE(std::to_string(i) + ": " + mutation.what);
    Store("a", mutation.stored);
    LocalMount mount(share_, alice_);
    const Reading reading = mount.Read("a");
    ASSERT_EQ(WhyWrong(reading, mutation.stored, forms_), "");
    if (reading.open_errno == 0 && reading.size == 0) {
      EXPECT_NE(mount.TakeLog().find("never written"), std::string::npos);
    }
    outcomes.Count(reading, target);
  }
  outcomes.Print();
  for (const char* kind : {"refused", "partly", "empty", "newest", "another"}) {
    EXPECT_GT(outcomes[kind], 0) << kind;
  }
}

// How a file is changed: the same inode, or another one under its name; with a new time or the old.
class Tampering {
 public:
  explicit Tampering(std::string path) : path_(std::move(path)) {}
  enum class Inode { kSame, kAnother };
  enum class Time { kNew, kOld };
  void Put(const Bytes& stored, Inode inode, Time time) const {
    struct stat before;
    ASSERT_EQ(stat(path_.c_str(), &before), 0);
    const std::string to = inode == Inode::kSame ? path_ : path_ + ".new";
    WriteFile(to, AsText(stored));
    if (time == Time::kOld) {
      const struct timespec times[2] = {before.st_atim, before.st_mtim};
      ASSERT_EQ(utimensat(AT_FDCWD, to.c_str(), times, 0), 0);
    }
    if (to != path_) stdfs::rename(to, path_);
  }

 private:
  const std::string path_;
};

TEST_F(HostileStore, AMountThatSawTheNewestStateReadsNoOlderOne) {
  MakeDocuments();
  Mutator mutator(forms_, Seed());
  Outcomes outcomes;
  const Tampering tampering(Stored("a"));
  LocalMount mount(share_, alice_);
  for (int i = 0; i < (IsFullRun() ? 10'000 : 250); ++i) {
    const StoredForm& newest = forms_[targets_[mutator.Below(2)]];
    const auto inode = mutator.Below(2) == 0 ? Tampering::Inode::kSame : Tampering::Inode::kAnother;
    const auto time = mutator.Below(2) == 0 ? Tampering::Time::kNew : Tampering::Time::kOld;
    const Mutation mutation = mutator.Next(newest);
    SCOPED_TRACE(std::to_string(i) + ": " + mutation.what);
    // What was refused is read again when it is put right.
    tampering.Put(newest.stored, Tampering::Inode::kSame, Tampering::Time::kNew);
    auto open = mount.Open("a", O_RDONLY);
    ASSERT_TRUE(open) << open.error().message;
    const Reading before = (*open)->Read(LocalMount::File::Failed::kIsAllBad);
    ASSERT_TRUE(before.complete() && IsOf(before, newest));
    tampering.Put(mutation.stored, inode, time);
    if (mutator.Below(2) == 0) open->reset();
    if (*open) {
      const Reading held = (*open)->Read(LocalMount::File::Failed::kIsAllBad);
      ASSERT_EQ(WhyWrong(held, mutation.stored, forms_, newest), "") << "through what was open";
    }
    const Reading reading = mount.Read("a");
    ASSERT_EQ(WhyWrong(reading, mutation.stored, forms_, newest), "");
    outcomes.Count(reading, newest);
  }
  outcomes.Print();
  EXPECT_GT(outcomes["refused"], 0);
  EXPECT_GT(outcomes["newest"], 0);
}

TEST_F(HostileStore, AnyOlderStateIsRefusedByAMountThatSawTheNewest) {
  MakeDocuments();
  const StoredForm& newest = forms_[targets_[1]];
  const Tampering tampering(Stored("a"));
  LocalMount mount(share_, alice_);
  ASSERT_TRUE(mount.Read("a").complete());
  int older = 0;
  for (const StoredForm& form : forms_) {
    if (form.document != "a" || form.state == newest.state) continue;
    for (const auto inode : {Tampering::Inode::kSame, Tampering::Inode::kAnother}) {
      tampering.Put(form.stored, inode, Tampering::Time::kNew);
      EXPECT_EQ(mount.Read("a").open_errno, EIO) << form.state;
      EXPECT_NE(mount.TakeLog().find("somebody put an old copy back"), std::string::npos);
      // A mount that saw nothing has nothing to compare with.
      EXPECT_TRUE(IsOf(LocalMount(share_, alice_).Read("a"), form)) << form.state;
      ++older;
    }
  }
  EXPECT_GE(older, 12);
  tampering.Put(newest.stored, Tampering::Inode::kSame, Tampering::Time::kNew);
  EXPECT_TRUE(mount.Read("a").complete());
}

TEST_F(HostileStore, ASwapOfTwoNamesIsNoticed) {
  MakeDocuments();
  LocalMount mount(share_, alice_);
  const Reading a = mount.Read("a"), b = mount.Read("b");
  ASSERT_TRUE(a.complete() && b.complete());
  mount.TakeLog();
  stdfs::rename(Stored("a"), Stored("x"));
  stdfs::rename(Stored("b"), Stored("a"));
  stdfs::rename(Stored("x"), Stored("b"));
  EXPECT_EQ(mount.Read("a").bytes, b.bytes);
  EXPECT_NE(mount.TakeLog().find("\"a.jcd\" is a document that this mount saw under another name"),
            std::string::npos);
  EXPECT_EQ(mount.Read("b").bytes, a.bytes);
  EXPECT_NE(mount.TakeLog().find("\"b.jcd\" is a document"), std::string::npos);
  EXPECT_EQ(mount.Read("b").bytes, a.bytes);
  EXPECT_EQ(mount.TakeLog(), "");
}

class HostileWrite : public HostileStore {
 protected:
  // By a mount that ends right afterwards. 0 or an errno.
  int WriteAndSync(uint64_t at, const Bytes& data) {
    LocalMount mount(share_, alice_, LocalMount::Kind::kWriter);
    auto file = mount.Open("a", O_RDWR);
    if (!file) return ErrnoOf(file.error());
    const int failed = (*file)->Write(at, data);
    return failed != 0 ? failed : (*file)->Sync();
  }
  // Half of the time a damaged one, if there is any.
  static size_t SomeBlock(const Reading& reading, Mutator& mutator) {
    const auto damaged = std::find_if(reading.errors.begin(), reading.errors.end(),
                                      [](int error) { return error != 0; });
    if (damaged != reading.errors.end() && mutator.Below(2) == 0) {
      return static_cast<size_t>(damaged - reading.errors.begin());
    }
    return mutator.Below(std::max<size_t>(reading.errors.size(), 1));
  }
  static void ExpectSame(const Reading& reading, const Reading& expected) {
    ASSERT_EQ(reading.open_errno, expected.open_errno);
    ASSERT_EQ(reading.size, expected.size);
    ASSERT_EQ(reading.errors, expected.errors);
    for (size_t block = 0; block < reading.errors.size(); ++block) {
      if (!reading.WasRead(block)) continue;
      const auto from = static_cast<ptrdiff_t>(block * kBlockSize);
      const auto size =
          static_cast<ptrdiff_t>(std::min<size_t>(kBlockSize, reading.size - block * kBlockSize));
      ASSERT_TRUE(std::equal(reading.bytes.begin() + from, reading.bytes.begin() + from + size,
                             expected.bytes.begin() + from))
          << block;
    }
  }
};

// A write changes what it covers, or nothing at all: what did not read before does not afterwards.
TEST_F(HostileWrite, NeverMakesDamageGood) {
  MakeDocuments();
  Mutator mutator(forms_, Seed());
  std::map<std::string, int> outcomes;
  for (int i = 0; i < (IsFullRun() ? 3'000 : 150); ++i) {
    // Without records, which a writer may apply.
    const Mutation mutation = mutator.Next(forms_[targets_[1]]);
    Store("a", mutation.stored);
    Reading expected = LocalMount(share_, alice_).Read("a");
    if (expected.open_errno == 0 && expected.size < kBlockSize) continue;
    const size_t block = SomeBlock(expected, mutator);
    const size_t at = block * kBlockSize + 20;
    const bool was_good = expected.open_errno == 0 && expected.WasRead(block);
    SCOPED_TRACE(std::to_string(i) + ": " + mutation.what + "a write to " + std::to_string(at));
    const Bytes data(10, 0xD5);
    const int failed = WriteAndSync(at, data);
    if (failed == 0) {
      ASSERT_TRUE(was_good);
      std::copy(data.begin(), data.end(), expected.bytes.begin() + static_cast<ptrdiff_t>(at));
    } else {
      ASSERT_EQ(failed, EIO);
      // Records that are good are brought into place, whatever else is damaged.
      const bool records = AsText(mutation.stored).find("{\"record\":") != std::string_view::npos;
      ASSERT_TRUE(records || ReadStored(Stored("a")) == mutation.stored);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(LocalMount(share_, alice_).Read("a"), expected));
    const std::string was = expected.open_errno != 0 ? "closed"
                            : expected.complete()    ? "whole"
                                                     : "damaged";
    ++outcomes[was + (failed == 0 ? " and written" : " and refused")];
  }
  for (const auto& [outcome, count] : outcomes) std::printf("%s %d, ", outcome.c_str(), count);
  std::printf("\n");
  for (const char* outcome :
       {"closed and refused", "damaged and refused", "damaged and written", "whole and written"}) {
    EXPECT_GT(outcomes[outcome], 0) << outcome;
  }
}

}  // namespace
}  // namespace recrypt
