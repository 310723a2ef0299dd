// Somebody who controls the storage changes what is stored: a reader gets exact bytes or EIO.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include "core/jcd/geometry.h"
#include "tests/mount/support/local_mount.h"
#include "tests/mount/support/mounted.h"
#include "tests/mount/support/mutations.h"

namespace recrypt {
namespace {

bool IsFull() {
  const char* full = std::getenv("RECRYPT_FULL");
  return full != nullptr && *full != 0;
}

uint64_t Seed() {
  const char* told = std::getenv("RECRYPT_SEED");
  uint64_t seed = 1;
  if (told != nullptr && *told != 0) {
    seed = std::strtoull(told, nullptr, 10);
  } else if (IsFull()) {
    seed = std::random_device()();
  }
  std::printf("seed: RECRYPT_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

Bytes ReadStored(const std::string& path) { return ToBytes(AsBytes(ReadFile(path))); }

// Documents of one label, as they were stored at each of their commits.
class HostileStore : public testing::Test {
 protected:
  void SetUp() override {
    umask(0022);
    labels_.Add("A#example.com");
  }

  std::string Stored(const std::string& name) const { return share_ + "/" + name + ".jcd"; }
  void Store(const std::string& name, const Bytes& stored) const {
    WriteFile(Stored(name), AsText(stored));
  }
  const StoredForm& Form(const std::string& document, int state) const {
    return *std::find_if(forms_.begin(), forms_.end(), [&](const StoredForm& form) {
      return form.document == document && form.state == state;
    });
  }

  // A document and its history, each state as it is stored after an unmount.
  class History {
   public:
    History(HostileStore& test, std::string name) : test_(test), name_(std::move(name)) {}
    // Commits a change; the records stay behind the document until Settle.
    void Change(uint64_t at, size_t size) {
      if (mount_ == nullptr) {
        mount_ =
            std::make_unique<LocalMount>(test_.share_, test_.alice_, LocalMount::Kind::kWriter);
        const bool fresh = content_.empty() && state_ == 0;
        auto opened = mount_->Open(name_, fresh ? O_RDWR | O_CREAT : O_RDWR);
        ASSERT_TRUE(opened) << opened.error().message;
        file_ = std::move(*opened);
      }
      const Bytes data = ToBytes(AsBytes(RandomText(size, ++test_.texts_)));
      content_.resize(std::max<size_t>(content_.size(), at + size));
      std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(at));
      ASSERT_EQ(file_->Write(at, data), 0);
      ASSERT_EQ(file_->Sync(), 0);
      Keep(ReadStored(test_.Stored(name_)));
      ++state_;
    }
    void Settle() {
      file_.reset();
      mount_.reset();
      --state_;
      Keep(ReadStored(test_.Stored(name_)));
      ++state_;
    }

   private:
    // What applying the records makes of a stored form is found out on a copy. Both are kept: under
    // load the mount itself applies between two commits.
    void Keep(const Bytes& stored) {
      Bytes settled = stored;
      if (!ContentSizeOf(stored.size())) {
        const std::string share = test_.dir_.Make("settling");
        WriteFile(share + "/x.jcd", AsText(stored));
        { LocalMount(share, test_.alice_, LocalMount::Kind::kWriter).Read("x"); }
        settled = ReadStored(share + "/x.jcd");
        ASSERT_EQ(settled.size(), StoredLengthFromSize(content_.size()));
      }
      for (const Bytes& bytes : {stored, settled}) {
        const bool known = std::any_of(test_.forms_.begin(), test_.forms_.end(),
                                       [&](const auto& form) { return form.stored == bytes; });
        if (!known) test_.forms_.push_back(MakeForm(name_, state_, bytes, settled, content_));
      }
    }

    HostileStore& test_;
    const std::string name_;
    int state_ = 0;
    Bytes content_;
    std::unique_ptr<LocalMount> mount_;
    std::unique_ptr<LocalMount::File> file_;
  };

  // Document `a` of three groups with a hole, whose last states are in records; `b` as large, `c`
  // a small one.
  void MakeDocuments() {
    History a(*this, "a");
    a.Change(0, 3 * kBlockSize);
    a.Change(200 * kBlockSize, 80 * kBlockSize + 100);
    a.Settle();
    a.Change(210 * kBlockSize + 17, 5000);
    a.Settle();
    a.Change(260 * kBlockSize, 30 * kBlockSize);
    a.Settle();
    a.Change(5000, 100);
    a.Change(220 * kBlockSize, 70 * kBlockSize + 999);
    do {  // a machine under load may have applied it before it is looked at
      a.Change(255 * kBlockSize + 4000, 200);
    } while (ContentSizeOf(ReadStored(Stored("a")).size()));
    last_ = forms_.back().state;
    a.Settle();
    History b(*this, "b");
    b.Change(0, 290 * kBlockSize + 999);
    b.Settle();
    b.Change(100 * kBlockSize, 10);
    b.Settle();
    History c(*this, "c");
    c.Change(0, 5000);
    c.Settle();
    c.Change(100, 100);
    for (size_t i = 0; i < forms_.size(); ++i) {
      if (forms_[i].document == "a" && forms_[i].state == last_) targets_.push_back(i);
    }
    ASSERT_EQ(targets_.size(), 2u);  // with records and without
    for (const char* name : {"a", "b", "c"}) Store(name, ReadStored(Stored(name)));
  }

  TempDir dir_;
  std::string share_ = dir_.Make("share");
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
  uint64_t texts_ = 0;
  std::vector<StoredForm> forms_;
  std::vector<size_t> targets_;  // the newest state of `a`
  int last_ = 0;
};

// How often what came out, so that no kind of outcome is missing.
class Outcomes {
 public:
  void Count(const Reading& reading, const StoredForm& newest) {
    if (reading.open_errno != 0) {
      ++counts_["refused"];
    } else if (!reading.complete()) {
      ++counts_["partly"];
    } else if (reading.size == 0) {
      ++counts_["empty"];
    } else {
      ++counts_[IsOf(reading, newest) ? "newest" : "another"];
    }
  }
  int operator[](const std::string& kind) { return counts_[kind]; }
  void Print() const {
    for (const auto& [kind, count] : counts_) std::printf("%s %d, ", kind.c_str(), count);
    std::printf("\n");
  }

 private:
  std::map<std::string, int> counts_;
};

TEST_F(HostileStore, EveryByteOfASmallDocumentIsExactOrEio) {
  History history(*this, "s");
  history.Change(0, 100);
  history.Settle();
  const StoredForm& form = forms_.back();
  for (size_t at = 0; at < form.stored.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (!IsFull() && bit != at % 8) continue;
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
  for (int i = 0; i < (IsFull() ? 10'000 : 400); ++i) {
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
  for (int i = 0; i < (IsFull() ? 10'000 : 250); ++i) {
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

// Through the kernel, in one mount of many files.
class HostileMount : public HostileStore {
 protected:
  static constexpr size_t kPage = kBlockSize;

  void SetUp() override {
    if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse is not to be had";
    HostileStore::SetUp();
  }
  TestMount& Mount() {
    mount_ = std::make_unique<TestMount>(share_, dir_.Make("mnt"), alice_);
    return *mount_;
  }
  static uint64_t SizeOf(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? static_cast<uint64_t>(st.st_size) : 0;
  }

  // `read_page` gives the errno of one page, 0 and its bytes, or nothing behind the end.
  template <typename ReadPage>
  static Reading ReadPages(const std::string& path, ReadPage read_page) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Reading{errno};
    Reading reading;
    reading.size_at_open = reading.size = SizeOf(fd.get());
    reading.bytes.resize(reading.size);
    for (size_t at = 0; at < reading.size; at += kPage) {
      const size_t size = std::min(kPage, reading.size - at);
      reading.errors.push_back(read_page(fd.get(), at, &reading.bytes[at], size));
    }
    reading.shown_size = SizeOf(fd.get());
    return reading;
  }
  static Reading ReadByCalls(const std::string& path) {
    return ReadPages(path, [](int fd, size_t at, uint8_t* to, size_t size) {
      const ssize_t got = pread(fd, to, size, static_cast<off_t>(at));
      if (got < 0) return errno;
      return static_cast<size_t>(got) == size ? 0 : ENODATA;
    });
  }
  static Reading ReadByMapping(const std::string& path, int kind) {
    return ReadPages(path, [kind](int fd, size_t at, uint8_t* to, size_t size) {
      void* page = mmap(nullptr, kPage, PROT_READ, kind, fd, static_cast<off_t>(at));
      if (page == MAP_FAILED) return errno;
      const bool good = CopyUnlessBus(to, page, size);
      munmap(page, kPage);
      return good ? 0 : EIO;
    });
  }

  // False when it ends in SIGBUS.
  static bool CopyUnlessBus(uint8_t* to, const void* from, size_t size) {
    struct sigaction action = {}, before = {};
    action.sa_handler = [](int) { siglongjmp(after_bus_, 1); };
    sigaction(SIGBUS, &action, &before);
    volatile bool good = false;
    if (sigsetjmp(after_bus_, 1) == 0) {
      std::memcpy(to, from, size);
      good = true;
    }
    sigaction(SIGBUS, &before, nullptr);
    return good;
  }

  static inline sigjmp_buf after_bus_;
  std::unique_ptr<TestMount> mount_;
};

TEST_F(HostileMount, ReadsAndMappingsAreExactOrFail) {
  MakeDocuments();
  Mutator mutator(forms_, Seed());
  std::vector<Mutation> mutations;
  for (size_t i = 0; i < (IsFull() ? 1'000u : 60u); ++i) {
    mutations.push_back(mutator.Next(forms_[targets_[i % 2]]));
    Store("m" + std::to_string(i), mutations.back().stored);
  }
  TestMount& mount = Mount();
  Outcomes outcomes;
  for (size_t i = 0; i < mutations.size(); ++i) {
    SCOPED_TRACE(std::to_string(i) + ": " + mutations[i].what);
    const std::string path = mount / ("m" + std::to_string(i));
    const Reading shared = ReadByMapping(path, MAP_SHARED);
    EXPECT_EQ(WhyWrong(shared, mutations[i].stored, forms_), "") << "shared";
    const Reading called = ReadByCalls(path);
    EXPECT_EQ(WhyWrong(called, mutations[i].stored, forms_), "") << "read";
    const Reading own = ReadByMapping(path, MAP_PRIVATE);
    EXPECT_EQ(WhyWrong(own, mutations[i].stored, forms_), "") << "private";
    outcomes.Count(shared, forms_[targets_[0]]);
  }
  outcomes.Print();
  for (const char* kind : {"refused", "partly", "newest"}) EXPECT_GT(outcomes[kind], 0) << kind;
}

// What stat says of a file that nobody has opened is the share's word; a mapping goes by what was
// verified.
TEST_F(HostileMount, APageBehindTheTrueEndGivesSigbus) {
  History history(*this, "s");
  history.Change(0, 3 * kBlockSize + 10);
  history.Settle();
  Bytes stored = forms_.back().stored;
  stored.resize(StoredLengthFromSize(200 * kBlockSize));
  Store("s", stored);
  TestMount& mount = Mount();
  const std::string path = mount / "s";
  ASSERT_EQ(stdfs::file_size(path), 200 * kBlockSize);
  UniqueFd fd = OpenFd(path, O_RDONLY);
  void* pages = mmap(nullptr, 200 * kPage, PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(pages, MAP_FAILED);
  Bytes page(kPage);
  EXPECT_FALSE(CopyUnlessBus(page.data(), static_cast<uint8_t*>(pages) + 100 * kPage, kPage));
  EXPECT_TRUE(CopyUnlessBus(page.data(), pages, kPage));
  EXPECT_TRUE(std::equal(page.begin(), page.end(), forms_.back().content.begin()));
  munmap(pages, 200 * kPage);
  EXPECT_EQ(SizeOf(fd.get()), 3 * kBlockSize + 10);
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
  for (int i = 0; i < (IsFull() ? 3'000 : 150); ++i) {
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
