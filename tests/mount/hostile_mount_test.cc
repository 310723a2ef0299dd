// Somebody who controls the storage changes what is stored: a program behind the kernel gets exact
// bytes, EIO or SIGBUS.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>

#include "tests/mount/support/hostile_store.h"

namespace recrypt {
namespace {

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
  for (size_t i = 0; i < (IsFullRun() ? 1'000u : 60u); ++i) {
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

}  // namespace
}  // namespace recrypt
