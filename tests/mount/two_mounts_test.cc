// Two mounts of one share: what one closes, the other sees at its next open; on a local file
// system, and where each mount reaches the share as a client of NFS does.
#include "tests/mount/support/two_mounts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "core/jcd/document.h"

namespace recrypt {
namespace {

class TwoMounts : public TwoMountsTest {};

TEST_P(TwoMounts, WhatOneClosesTheOtherSeesAtItsNextOpen) {
  WriteFile(*this / "f", "first");
  EXPECT_EQ(ReadFile(Other("f")), "first");
  WriteFile(*this / "f", "2nd..");  // same length
  EXPECT_EQ(ReadFile(Other("f")), "2nd..");
  AppendFile(Other("f"), " and more");
  EXPECT_EQ(ReadFile(*this / "f"), "2nd.. and more");
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "X", 1, 0), 1);
  fd.Reset();
  EXPECT_EQ(ReadFile(Other("f")), "Xnd.. and more");
  EXPECT_EQ(Xattr(Other("f"), "user.jcd.signer"), "alice@example.com");
}

TEST_P(TwoMounts, RecordsMayBeBroughtIntoPlaceWhileAnotherReads) {
  std::string content = RandomText(3'000'000, 5);
  WriteFile(*this / "f", content);
  UniqueFd writer = OpenFd(*this / "f", O_RDWR);
  const std::string changed = RandomText(5'000, 6);
  content.replace(2'000'000, changed.size(), changed);
  ASSERT_EQ(pwrite(writer.get(), changed.data(), changed.size(), 2'000'000), 5'000);
  ASSERT_EQ(fsync(writer.get()), 0);
  UniqueFd reader = OpenFd(Other("f"), O_RDONLY);
  std::string found(10, '\0');
  ASSERT_EQ(pread(reader.get(), found.data(), found.size(), 0), 10);
  struct stat st = {};
  const auto applied = [&] {
    return stat((share_ + "/f.jcd").c_str(), &st) == 0 &&
           static_cast<uint64_t>(st.st_size) == StoredLengthFromSize(content.size());
  };
  EXPECT_FALSE(applied());
  writer.Reset();
  for (int i = 0; i < 2000 && !applied(); ++i) usleep(10'000);
  ASSERT_TRUE(applied());
  found.resize(5'000);
  ASSERT_EQ(pread(reader.get(), found.data(), found.size(), 2'000'000), 5'000);
  EXPECT_EQ(found, changed);
}

TEST_P(TwoMounts, TheTimeOfModificationNeedNotChange) {
  WriteFile(*this / "f", "one");
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (*this / "f").c_str(), times, 0), 0);
  EXPECT_EQ(ReadFile(Other("f")), "one");
  WriteFile(*this / "f", "two");
  ASSERT_EQ(utimensat(AT_FDCWD, (*this / "f").c_str(), times, 0), 0);
  EXPECT_EQ(ReadFile(Other("f")), "two");
}

TEST_P(TwoMounts, AnOpenFileShowsTheTimeOfTheStateThatItReads) {
  const auto set_time = [this](int64_t seconds) {
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, (*this / "f").c_str(), times, 0), 0);
  };
  WriteFile(*this / "f", "one");
  set_time(1'000'000'000);
  struct stat st;
  ASSERT_EQ(stat(Other("f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mtime, 1'000'000'000);
  WriteFile(*this / "f", "two");
  set_time(1'000'000'001);
  UniqueFd fd = OpenFd(Other("f"), O_RDONLY);
  ASSERT_EQ(fstat(fd.get(), &st), 0);
  EXPECT_EQ(st.st_mtime, 1'000'000'001);
  EXPECT_EQ(ReadAll(fd.get()), "two");
}

// Notes the times of modification of stored files as another mount could see them: when they are
// brought to the disk, which takes its time, and when the lock on them is given back.
class TimesSeen : public WrappedStore {
 public:
  TimesSeen(std::unique_ptr<Store> inner, std::string notes)
      : WrappedStore(std::move(inner)), notes_(std::move(notes)) {}
  Status SyncData(int fd) override {
    Note(fd);
    return WrappedStore::SyncData(fd);
  }
  void Unlock(int fd) override {
    Note(fd);
    WrappedStore::Unlock(fd);
  }

 private:
  void Note(int fd) {
    auto st = inner().Stat(fd);
    if (st) AppendFile(notes_, std::to_string(st->st_mtim.tv_sec) + "\n");
  }
  const std::string notes_;
};

TEST_P(TwoMounts, BringingRecordsIntoPlaceChangesNoTimeForTheOther) {
  const std::string notes = dir_.path() / "notes";
  WriteFile(notes, "");
  MountSettings settings;
  settings.wrap_store = [notes](auto inner) {
    return std::make_unique<TimesSeen>(std::move(inner), notes);
  };
  other_.reset();
  TestMount& mount = Mount(std::move(settings));
  WriteFile(*this / "f", std::string(100'000, 'x'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(pwrite(fd.get(), "y", 1, 5'000), 1);
  ASSERT_EQ(fsync(fd.get()), 0);
  const struct timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(futimens(fd.get(), times), 0);
  WriteFile(notes, "");
  fd.Reset();
  ASSERT_EQ(mount.Unmount(), 0);  // applies
  struct stat st;
  ASSERT_EQ(stat((share_ + "/f.jcd").c_str(), &st), 0);
  EXPECT_EQ(st.st_mtime, 1'000'000'000);
  const std::string seen = ReadFile(notes);
  EXPECT_FALSE(seen.empty());
  for (size_t at = 0; at < seen.size(); at = seen.find('\n', at) + 1) {
    EXPECT_EQ(seen.substr(at, seen.find('\n', at) - at), "1000000000");
  }
}

TEST_P(TwoMounts, SeesAReplacementByRename) {
  WriteFile(*this / "f", "old");
  EXPECT_EQ(ReadFile(Other("f")), "old");
  WriteFile(*this / "f.new", "new");
  ASSERT_EQ(rename((*this / "f.new").c_str(), (*this / "f").c_str()), 0);
  EXPECT_EQ(ReadFile(Other("f")), "new");
}

TEST_P(TwoMounts, SeesShrinkingAndGrowing) {
  WriteFile(*this / "f", std::string(2'000'000, 'a'));
  EXPECT_EQ(ReadFile(Other("f")).size(), 2'000'000u);
  ASSERT_EQ(truncate((*this / "f").c_str(), 10), 0);
  EXPECT_EQ(ReadFile(Other("f")), std::string(10, 'a'));
  AppendFile(*this / "f", std::string(1'000'000, 'b'));
  EXPECT_EQ(ReadFile(Other("f")) == std::string(10, 'a') + std::string(1'000'000, 'b'), true);
}

TEST_P(TwoMounts, WhatTheOtherCutOffIsNotReadAhead) {
  for (const size_t size : {100u, 4096u, 5000u, 70'000u}) {
    WriteFile(*this / "f", std::string(300'000, 'x'));
    EXPECT_EQ(ReadFile(Other("f")).size(), 300'000u);
    ASSERT_EQ(truncate((*this / "f").c_str(), static_cast<off_t>(size)), 0);
    const UniqueFd reader = OpenFd(Other("f"), O_RDONLY);
    // Where it is read first makes no difference: before the end, at it, or where it was.
    std::string rest(300'000, '?');
    EXPECT_EQ(pread(reader.get(), rest.data(), 10, static_cast<off_t>(size / 2)), 10);
    struct stat st;
    ASSERT_EQ(fstat(reader.get(), &st), 0);
    EXPECT_EQ(st.st_size, static_cast<off_t>(size));
    EXPECT_EQ(pread(reader.get(), rest.data(), rest.size(), static_cast<off_t>(size)), 0);
    EXPECT_EQ(pread(reader.get(), rest.data(), rest.size(), 200'000), 0);
    {
      const UniqueFd writer = OpenFd(*this / "f", O_WRONLY | O_APPEND);
      const std::string more(100'000, 'y');
      ASSERT_EQ(write(writer.get(), more.data(), more.size()), static_cast<ssize_t>(more.size()));
    }
    EXPECT_EQ(ReadFile(Other("f")), std::string(size, 'x') + std::string(100'000, 'y')) << size;
  }
}

// Who maps a file need not ask how large it is.
TEST_P(TwoMounts, WhatTheOtherAppendedIsMappedAtTheNextOpen) {
  constexpr size_t kPage = 4096;
  WriteFile(*this / "f", std::string(kPage, 'a'));
  EXPECT_EQ(ReadFile(Other("f")).size(), kPage);
  AppendFile(*this / "f", std::string(kPage, 'b'));
  const UniqueFd fd = OpenFd(Other("f"), O_RDONLY);
  void* memory = mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  // By a pipe: where there is no page, it says EFAULT.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd from(ends[0]), to(ends[1]);
  EXPECT_EQ(write(to.get(), static_cast<char*>(memory) + kPage, 1), 1) << std::strerror(errno);
  munmap(memory, 2 * kPage);
}

TEST_P(TwoMounts, AWriterExcludesAnotherForABoundedTime) {
  MountBoth(300);
  WriteFile(*this / "f", std::string(10'000, 'x'));
  UniqueFd mine = OpenFd(*this / "f", O_RDWR);
  UniqueFd theirs = OpenFd(Other("f"), O_RDWR);
  ASSERT_EQ(pwrite(mine.get(), "mine", 4, 0), 4);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(pwrite(theirs.get(), "theirs", 6, 100), -1);
  EXPECT_EQ(errno, EBUSY);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  ASSERT_EQ(fsync(mine.get()), 0);
  ASSERT_EQ(pwrite(theirs.get(), "theirs", 6, 100), 6);
  ASSERT_EQ(fsync(theirs.get()), 0);
  theirs.Reset();
  mine.Reset();
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 8), "minexxxx");
  EXPECT_EQ(ReadFile(*this / "f").substr(98, 10), "xxtheirsxx");
}

TEST_P(TwoMounts, RequestsThatWaitDoNotKeepOthersWaiting) {
  WriteFile(*this / "free", "text");
  WriteFile(*this / "f", std::string(10'000, 'x'));
  UniqueFd mine = OpenFd(*this / "f", O_RDWR);
  UniqueFd theirs = OpenFd(Other("f"), O_RDWR);
  ASSERT_EQ(pwrite(mine.get(), "mine", 4, 0), 4);  // holds the lock
  std::atomic<bool> waits{true};
  std::thread writer([&] {
    EXPECT_EQ(pwrite(theirs.get(), "theirs", 6, 100), 6);
    waits = false;
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ReadFile(Other("free")), "text");
    WriteFile(Other("new" + std::to_string(i)), "text");
    if (i % 10 == 0) usleep(2'000);  // long enough for the threads to go to rest
  }
  EXPECT_TRUE(waits);
  ASSERT_EQ(fsync(mine.get()), 0);
  writer.join();
}

TEST_P(TwoMounts, ALongReadSurvivesChangesByTheOther) {
  WriteFile(*this / "f", std::string(4'000'000, 'a'));
  UniqueFd reader = OpenFd(Other("f"), O_RDONLY | O_DIRECT);
  for (int round = 0; round < 5; ++round) {
    WriteFile(*this / "f", std::string(4'000'000, static_cast<char>('b' + round)));
    // A client of NFS need not see it before.
    if (GetParam() != StoreIs::kLocal) reader = OpenFd(Other("f"), O_RDONLY | O_DIRECT);
    alignas(4096) static char block[65536];
    ASSERT_EQ(pread(reader.get(), block, sizeof block, 1'048'576), ssize_t{sizeof block});
    EXPECT_EQ(block[0], 'b' + round);
  }
}

TEST_P(TwoMounts, AppendsFromBothAreAllThere) {
  constexpr int kRounds = 50;
  auto append = [](const std::string& path, const std::string& line) {
    for (int i = 0; i < kRounds; ++i) AppendFile(path, line);
  };
  WriteFile(*this / "log", "");
  std::thread theirs([&] { append(Other("log"), "bob was here\n"); });
  append(*this / "log", "alice was here\n");
  theirs.join();
  const std::string log = ReadFile(*this / "log");
  EXPECT_EQ(log.size(), kRounds * (13u + 15u));
  EXPECT_EQ(ReadFile(Other("log")), log);
}

// Each round one of the two changes the document in some way, and the other has to see it.
TEST_P(TwoMounts, TakeTurnsOverOneDocument) {
  std::mt19937 random(7);
  std::string model;
  WriteFile(*this / "f", "");
  for (int round = 0; round < 150; ++round) {
    const bool mine = random() % 2 == 0;
    const std::string writer = mine ? *this / "f" : Other("f");
    const std::string reader = mine ? Other("f") : *this / "f";
    const size_t offset = random() % 300'000;
    const std::string data = RandomText(1 + random() % 50'000, random());
    switch (random() % 4) {
      case 0: {
        ASSERT_EQ(truncate(writer.c_str(), static_cast<off_t>(offset)), 0) << round;
        model.resize(offset, '\0');
        break;
      }
      case 1:
        AppendFile(writer, data);
        model += data;
        break;
      default: {
        UniqueFd fd = OpenFd(writer, O_RDWR);
        ASSERT_EQ(pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)),
                  static_cast<ssize_t>(data.size()));
        if (random() % 2 == 0) {
          ASSERT_EQ(fsync(fd.get()), 0);
        }
        if (model.size() < offset + data.size()) model.resize(offset + data.size(), '\0');
        model.replace(offset, data.size(), data);
      }
    }
    ASSERT_TRUE(ReadFile(reader) == model) << "round " << round;
  }
}

TEST_P(TwoMounts, AnOlderStateThatWasPutBackIsRefused) {
  WriteFile(*this / "f", "version one");
  stdfs::copy_file(Stored("f.jcd"), dir_.path() / "kept");
  AppendFile(*this / "f", ", and two");
  EXPECT_EQ(ReadFile(Other("f")), "version one, and two");
  std::error_code failed;
  stdfs::copy_file(dir_.path() / "kept", Stored("f.jcd"), stdfs::copy_options::overwrite_existing);
  EXPECT_EQ(OpenErrno(Other("f"), O_RDONLY), EIO);
  EXPECT_NE(Xattr(Other("f"), "user.jcd.why").find("old copy"), std::string::npos);
  // Under another name it is a copy like any other.
  stdfs::copy_file(dir_.path() / "kept", Stored("f (conflict).jcd"));
  EXPECT_EQ(ReadFile(Other("f (conflict)")), "version one");
}

off_t SizeOf(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 ? st.st_size : -1;
}

off_t SizeOf(const std::string& path) {
  struct stat st;
  return stat(path.c_str(), &st) == 0 ? st.st_size : -1;
}

TEST_P(TwoMounts, AnOpenShowsTheSizeThatTheOtherClosedWith) {
  WriteFile(*this / "f", "0123456789");
  EXPECT_EQ(SizeOf(Other("f")), 10);
  AppendFile(*this / "f", "abc");
  EXPECT_EQ(SizeOf(OpenFd(Other("f"), O_RDONLY).get()), 13);
  EXPECT_EQ(SizeOf(Other("f")), 13);
  ASSERT_EQ(truncate((*this / "f").c_str(), 5), 0);
  EXPECT_EQ(SizeOf(OpenFd(Other("f"), O_RDWR).get()), 5);
  WriteFile(*this / "f", std::string(1'000'000, 'x'));
  const UniqueFd fd = OpenFd(Other("f"), O_RDONLY);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_END), 1'000'000);
}

// Without opening: as soon as attributes are no longer believed.
TEST_P(TwoMounts, StatShowsWhatTheOtherClosedWithSoon) {
  if (GetParam() != StoreIs::kLocal) GTEST_SKIP() << "attributes stay as long as a client likes";
  WriteFile(*this / "f", "0123456789");
  EXPECT_EQ(SizeOf(Other("f")), 10);
  AppendFile(*this / "f", "abc");
  EXPECT_TRUE(Soon([&] { return SizeOf(Other("f")) == 13; }));
}

// What a reader gets while the other rewrites the document is of one state for each read.
TEST_P(TwoMounts, AReaderGetsWholeStatesWhileTheOtherRewrites) {
  constexpr size_t kSize = 100'000;
  WriteFile(*this / "f", std::string(kSize, 'a'));
  std::atomic<bool> ended{false};
  std::thread writer([&] {
    const UniqueFd fd = OpenFd(*this / "f", O_RDWR);
    for (int i = 1; i < 100; ++i) {
      const std::string content(kSize, static_cast<char>('a' + i % 26));
      ASSERT_EQ(pwrite(fd.get(), content.data(), kSize, 0), ssize_t{kSize});
      ASSERT_EQ(fsync(fd.get()), 0);
    }
    ended = true;
  });
  while (!ended) {
    const UniqueFd fd = OpenFd(Other("f"), O_RDONLY | O_DIRECT);
    alignas(4096) static char buffer[102'400];
    const ssize_t size = pread(fd.get(), buffer, sizeof buffer, 0);
    ASSERT_EQ(size, ssize_t{kSize}) << errno;
    ASSERT_EQ(std::string_view(buffer, kSize), std::string(kSize, buffer[0]));
  }
  writer.join();
  EXPECT_EQ(ReadFile(Other("f")), std::string(kSize, static_cast<char>('a' + 99 % 26)));
}

TEST_P(TwoMounts, MappedPagesAreFreshAfterAnOpen) {
  WriteFile(*this / "f", std::string(20'000, 'a'));
  const UniqueFd theirs = OpenFd(Other("f"), O_RDWR);
  auto* mapped = static_cast<char*>(
      mmap(nullptr, 20'000, PROT_READ | PROT_WRITE, MAP_SHARED, theirs.get(), 0));
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(mapped[19'999], 'a');
  WriteFile(*this / "f", std::string(20'000, 'b'));
  { const UniqueFd looks = OpenFd(Other("f"), O_RDONLY); }
  EXPECT_EQ(std::string(mapped, 20'000), std::string(20'000, 'b'));
  mapped[5] = 'X';
  ASSERT_EQ(msync(mapped, 20'000, MS_SYNC), 0);
  ASSERT_EQ(fsync(theirs.get()), 0);
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 10), "bbbbbXbbbb");
  munmap(mapped, 20'000);
}

TEST_P(TwoMounts, AMappingAndWritesByOthersOfOneMountAgree) {
  WriteFile(*this / "f", std::string(20'000, 'a'));
  UniqueFd fd = OpenFd(*this / "f", O_RDWR);
  auto* mapped =
      static_cast<char*>(mmap(nullptr, 20'000, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(mapped[10'000], 'a');
  const pid_t program = fork();
  if (program == 0) {
    const int own = open((*this / "f").c_str(), O_RDWR);
    const bool wrote = pwrite(own, "written", 7, 10'000) == 7;
    _exit(wrote && close(own) == 0 ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(program, &status, 0), program);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(std::string(mapped + 9'999, 9), "awrittena");
  std::copy_n("mapped", 6, mapped + 100);
  EXPECT_EQ(ReadFile(*this / "f").substr(99, 8), "amappeda");
  munmap(mapped, 20'000);
  fd.Reset();
  EXPECT_EQ(ReadFile(Other("f")).substr(99, 8), "amappeda");
}

// As programs that synchronize a share leave it where two have changed a document.
TEST_P(TwoMounts, AConflictCopyOpensLikeAnyDocument) {
  WriteFile(*this / "report.odt", "mine");
  stdfs::copy_file(Stored("report.odt.jcd"), Stored("report (conflict).odt.jcd"));
  WriteFile(*this / "report.odt", "mine, and later");
  EXPECT_EQ(ReadFile(Other("report (conflict).odt")), "mine");
  AppendFile(Other("report (conflict).odt"), ", and another's");
  EXPECT_EQ(ReadFile(*this / "report (conflict).odt"), "mine, and another's");
  EXPECT_EQ(ReadFile(*this / "report.odt"), "mine, and later");
}

RECRYPT_OVER_ALL_STORES(TwoMounts);

// A server without room, of which its client hears only when it hands over what was written.
class FullServer : public CachingStore {
 public:
  using CachingStore::CachingStore;
  Status SyncData(int) override { return FailErrno(ENOSPC, "fdatasync"); }
};

TEST_F(MountTest, WhatAServerRefusesIsReportedByClose) {
  MountSettings settings;
  settings.wrap_store = [](auto inner) { return std::make_unique<FullServer>(std::move(inner)); };
  Mount(std::move(settings));
  for (const size_t size : {size_t{10}, size_t{1'000'000}}) {
    UniqueFd fd = OpenFd(*this / "f", O_WRONLY | O_CREAT | O_TRUNC);
    const std::string content(size, 'x');
    ASSERT_EQ(write(fd.get(), content.data(), size), static_cast<ssize_t>(size));
    EXPECT_EQ(close(fd.Release()), -1);
    EXPECT_EQ(errno, ENOSPC);
  }
}

}  // namespace
}  // namespace recrypt
