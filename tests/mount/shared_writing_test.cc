// Two mounts of one share, and several programs of one mount, that write the same documents at the
// same time: nothing that was accepted is lost, and all of it is in some order.
//
// RECRYPT_SEED repeats the random runs of one seed.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "fs/file_system.h"
#include "tests/full_run.h"
#include "tests/mount/support/two_mounts.h"

namespace recrypt {
namespace {

unsigned Seed() {
  const char* seed = std::getenv("RECRYPT_SEED");
  const unsigned chosen = seed == nullptr ? 5 : static_cast<unsigned>(std::stoul(seed));
  std::printf("seed: %u\n", chosen);
  return chosen;
}

class SharedWriting : public TwoMountsTest {};

// One thread for each mount.
template <typename Work>
void OnBothSides(Work work) {
  auto one = [&](int side) {
    try {
      work(side);
    } catch (const std::exception& failed) {
      ADD_FAILURE() << "side " << side << ": " << failed.what();
    }
  };
  std::thread theirs([&] { one(1); });
  one(0);
  theirs.join();
}

std::string Line(int side, int number) {
  std::string line = std::string(side == 0 ? "alice " : "bob ") + std::to_string(number) + " ";
  return line.append(static_cast<size_t>(number % 90), static_cast<char>('a' + number % 26)) + "\n";
}

// Each writer's lines, all of them, each whole, in the order of that writer.
void ExpectAllLines(const std::string& log, int writers, int lines) {
  std::vector<int> next(static_cast<size_t>(writers), 0);
  size_t at = 0;
  while (at < log.size()) {
    const size_t end = log.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const std::string line = log.substr(at, end + 1 - at);
    int writer = 0;
    while (writer < writers && line != Line(writer, next[static_cast<size_t>(writer)])) ++writer;
    ASSERT_LT(writer, writers) << "after " << at << " bytes: " << line.substr(0, 200);
    ++next[static_cast<size_t>(writer)];
    at = end + 1;
  }
  for (int count : next) EXPECT_EQ(count, lines);
}

TEST_P(SharedWriting, AppendsThroughDescriptorsThatStayOpenAreAllThere) {
  const int lines = IsFullRun() ? 5'000 : 400;
  WriteFile(*this / "log", "");
  OnBothSides([&](int side) {
    const UniqueFd fd = OpenFd(At(side, "log"), O_WRONLY | O_APPEND);
    for (int i = 0; i < lines; ++i) {
      const std::string line = Line(side, i);
      ssize_t put = -1;
      do {
        put = write(fd.get(), line.data(), line.size());
      } while (put < 0 && errno == EBUSY);
      ASSERT_EQ(put, static_cast<ssize_t>(line.size())) << errno;
      if (i % 10 == 9) {
        ASSERT_EQ(fsync(fd.get()), 0);
      }
    }
  });
  const std::string log = ReadFile(*this / "log");
  ExpectAllLines(log, 2, lines);
  EXPECT_EQ(ReadFile(Other("log")), log);
}

TEST_P(SharedWriting, AppendsByProgramsOfOneMountAreAllThere) {
  constexpr int kLines = 500;
  WriteFile(*this / "log", "");
  std::vector<pid_t> programs;
  for (int side = 0; side < 2; ++side) {
    programs.push_back(fork());
    if (programs.back() != 0) continue;
    const int fd = open((*this / "log").c_str(), O_WRONLY | O_APPEND);
    for (int i = 0; i < kLines; ++i) {
      const std::string line = Line(side, i);
      if (write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(1);
    }
    _exit(close(fd) == 0 ? 0 : 1);
  }
  for (pid_t program : programs) {
    int status = 1;
    ASSERT_EQ(waitpid(program, &status, 0), program);
    EXPECT_EQ(status, 0);
  }
  ExpectAllLines(ReadFile(*this / "log"), 2, kLines);
  ExpectAllLines(ReadFile(Other("log")), 2, kLines);
}

// Records of a fixed size at random places, each write of one by one of the two: it is refused in
// bounded time or it is there, unless a later one of the same place took its place.
TEST_P(SharedWriting, WritesAreRefusedOrInSomeOrder) {
  MountBoth(100);
  constexpr size_t kRecord = 5'000, kRecords = 150;
  const int writes = IsFullRun() ? 5'000 : 300;
  const unsigned seed = Seed();
  WriteFile(*this / "f", std::string(kRecord * kRecords, '.'));
  std::map<size_t, std::string> last[2];
  std::atomic<int> refused{0};
  OnBothSides([&](int side) {
    std::mt19937 random(seed + static_cast<unsigned>(side));
    UniqueFd fd = OpenFd(At(side, "f"), O_RDWR);
    for (int i = 0; i < writes; ++i) {
      const size_t place = random() % kRecords;
      std::string record = std::string(side == 0 ? "alice " : "bob ") + std::to_string(i) + " ";
      record.resize(kRecord, static_cast<char>('a' + i % 26));
      const ssize_t put =
          pwrite(fd.get(), record.data(), record.size(), static_cast<off_t>(place * kRecord));
      if (put < 0) {
        ASSERT_EQ(errno, EBUSY);
        ++refused;
      } else {
        ASSERT_EQ(put, static_cast<ssize_t>(kRecord));
        last[side][place] = record;
      }
      if (random() % 4 == 0) {
        ASSERT_EQ(fsync(fd.get()), 0);
      }
      if (random() % 50 == 0) fd = OpenFd(At(side, "f"), O_RDWR);
    }
  });
  const std::string content = ReadFile(*this / "f");
  ASSERT_EQ(content.size(), kRecord * kRecords);
  EXPECT_TRUE(ReadFile(Other("f")) == content);
  for (size_t place = 0; place < kRecords; ++place) {
    const std::string found = content.substr(place * kRecord, kRecord);
    const bool untouched = !last[0].contains(place) && !last[1].contains(place);
    const bool good = untouched ? found == std::string(kRecord, '.')
                                : (last[0].contains(place) && last[0][place] == found) ||
                                      (last[1].contains(place) && last[1][place] == found);
    EXPECT_TRUE(good) << "record " << place << ": " << found.substr(0, 20);
  }
  std::printf("%d of %d writes were refused\n", refused.load(), 2 * writes);
}

// Both have the document open and change it in turns. What is refused changes nothing; the other
// changes are there in the order in which they were made.
// "" when it does not.
std::string HowDiffers(const std::string& got, const std::string& wanted) {
  if (got == wanted) return "";
  size_t from = 0, to = std::min(got.size(), wanted.size());
  while (from < to && got[from] == wanted[from]) ++from;
  while (to > from && got[to - 1] == wanted[to - 1]) --to;
  return "differs from " + std::to_string(from) + " to " + std::to_string(to) + " of " +
         std::to_string(got.size()) + ", where " + std::to_string(wanted.size()) + " are wanted; ";
}

// A mount that waits for the other's lock no longer than 5 ms says EBUSY when the machine is busy.
template <typename Try>
auto Patiently(const Try& attempt) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    try {
      return attempt();
    } catch (const std::system_error& failed) {
      const bool busy = failed.code().value() == EBUSY;
      if (!busy || std::chrono::steady_clock::now() > until) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST_P(SharedWriting, ChangesInTurnsByOpenDescriptorsAreInTheirOrder) {
  MountBoth(5);
  const int steps = IsFullRun() ? 20'000 : 500;
  const unsigned seed = Seed();
  std::mt19937 random(seed);
  std::string model;
  WriteFile(*this / "f", "");
  UniqueFd fds[2] = {OpenFd(*this / "f", O_RDWR), OpenFd(Other("f"), O_RDWR)};
  auto reopen = [&](int side) {
    fds[side].Reset();
    fds[side] = Patiently([&] { return OpenFd(At(side, "f"), O_RDWR); });
  };
  int refused = 0;
  for (int step = 0; step < steps; ++step) {
    const int side = static_cast<int>(random() % 2);
    const int fd = fds[side].get();
    const size_t offset = random() % 300'000;
    const std::string data = RandomText(1 + random() % 20'000, random());
    std::string changed = model;
    int done = -1;
    switch (random() % 8) {
      case 0:
        changed.resize(offset, '\0');
        done = ftruncate(fd, static_cast<off_t>(offset));
        break;
      case 1:
        for (size_t i = offset; i < std::min(offset + data.size(), changed.size()); ++i) {
          changed[i] = '\0';
        }
        done = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                         static_cast<off_t>(data.size()));
        break;
      case 2:
        ASSERT_EQ(fsync(fd), 0);
        continue;
      case 3:
        reopen(side);
        continue;
      default:
        if (changed.size() < offset + data.size()) changed.resize(offset + data.size(), '\0');
        changed.replace(offset, data.size(), data);
        done = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)) ==
                       static_cast<ssize_t>(data.size())
                   ? 0
                   : -1;
    }
    if (done == 0) {
      model = std::move(changed);
    } else {
      ASSERT_EQ(errno, EBUSY) << "step " << step;
      ++refused;
    }
    if (random() % 30 == 0) {
      for (UniqueFd& one : fds) one.Reset();
      const std::string both[] = {Patiently([&] { return ReadFile(At(side, "f")); }),
                                  Patiently([&] { return ReadFile(At(1 - side, "f")); })};
      ASSERT_EQ(HowDiffers(both[0], model) + HowDiffers(both[1], model), "")
          << "here and there; seed " << seed << ", step " << step << "; read again "
          << HowDiffers(ReadFile(At(side, "f")), model);
      reopen(0);
      reopen(1);
    }
  }
  for (UniqueFd& one : fds) one.Reset();
  ASSERT_TRUE(ReadFile(*this / "f") == model);
  ASSERT_TRUE(ReadFile(Other("f")) == model);
  std::printf("%d of %d changes were refused\n", refused, steps);
}

TEST_P(SharedWriting, WhileOneWritesNothingElseChangesTheDocument) {
  MountBoth(100);
  WriteFile(*this / "f", std::string(10'000, 'x'));
  const UniqueFd mine = OpenFd(*this / "f", O_RDWR);
  const UniqueFd theirs = OpenFd(Other("f"), O_RDWR);
  ASSERT_EQ(pwrite(mine.get(), "mine", 4, 0), 4);
  EXPECT_EQ(ftruncate(theirs.get(), 5), -1);
  EXPECT_EQ(errno, EBUSY);
  EXPECT_EQ(truncate(Other("f").c_str(), 0), -1);
  EXPECT_EQ(errno, EBUSY);
  EXPECT_EQ(OpenErrno(Other("f"), O_RDWR | O_TRUNC), EBUSY);
  EXPECT_EQ(fallocate(theirs.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
  EXPECT_EQ(errno, EBUSY);
  EXPECT_EQ(OpenErrno(Other("f"), O_RDWR), 0);
  EXPECT_EQ(ReadFile(Other("f")), std::string(10'000, 'x'));
  ASSERT_EQ(fsync(mine.get()), 0);
  EXPECT_EQ(ftruncate(theirs.get(), 5), 0);
  ASSERT_EQ(fsync(theirs.get()), 0);
  EXPECT_EQ(ReadFile(*this / "f"), "minex");
}

// Who writes and then does nothing does not keep the other out for good.
TEST_P(SharedWriting, AWriterThatRestsLetsTheOtherWrite) {
  if (GetParam() != StoreIs::kLocal && !IsFullRun()) GTEST_SKIP() << "only in a full run";
  MountBoth(FileSystemOptions().lock_wait_ms);
  WriteFile(*this / "f", std::string(10'000, 'x'));
  const UniqueFd mine = OpenFd(*this / "f", O_RDWR);
  const UniqueFd theirs = OpenFd(Other("f"), O_RDWR);
  ASSERT_EQ(pwrite(mine.get(), "mine", 4, 0), 4);
  EXPECT_EQ(pwrite(theirs.get(), "theirs", 6, 100), 6);
  ASSERT_EQ(fsync(theirs.get()), 0);
  EXPECT_EQ(ReadFile(*this / "f").substr(0, 6), "minexx");
  EXPECT_EQ(ReadFile(*this / "f").substr(98, 10), "xxtheirsxx");
}

TEST_P(SharedWriting, AFileMadeByBothIsOneFile) {
  constexpr int kFiles = 100;
  OnBothSides([&](int side) {
    for (int i = 0; i < kFiles; ++i) {
      AppendFile(At(side, "n" + std::to_string(i)), side == 0 ? "alice\n" : "bob\n");
    }
  });
  for (int i = 0; i < kFiles; ++i) {
    const std::string content = ReadFile(*this / ("n" + std::to_string(i)));
    EXPECT_TRUE(content == "alice\nbob\n" || content == "bob\nalice\n") << i << ": " << content;
  }
}

TEST_P(SharedWriting, OneOfTwoMakesANewFileAlone) {
  constexpr int kFiles = 100;
  std::atomic<int> made{0};
  OnBothSides([&](int side) {
    for (int i = 0; i < kFiles; ++i) {
      const int failed = OpenErrno(At(side, "n" + std::to_string(i)), O_WRONLY | O_CREAT | O_EXCL);
      if (failed == 0) {
        ++made;
      } else {
        EXPECT_EQ(failed, EEXIST);
      }
    }
  });
  EXPECT_EQ(made, kFiles);
}

TEST_P(SharedWriting, SavingByRenameFromBothLeavesAWholeDocument) {
  const int rounds = IsFullRun() ? 1'000 : 60;
  WriteFile(*this / "f", std::string(20'000, '.'));
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    while (!ended) {
      std::string content;
      try {
        content = ReadFile(Other("f"));
      } catch (const std::system_error& failed) {
        // Replaced twice while the kernel looked; on a local file system it is found all the same.
        if (GetParam() != StoreIs::kLocal && failed.code().value() == ESTALE) continue;
        ADD_FAILURE() << failed.what();
        return;
      }
      ASSERT_EQ(content.size(), 20'000u);
      ASSERT_EQ(content, std::string(20'000, content[0]));
    }
  });
  OnBothSides([&](int side) {
    for (int i = 0; i < rounds; ++i) {
      const std::string name = At(side, side == 0 ? "f.alice" : "f.bob");
      WriteFile(name, std::string(20'000, static_cast<char>((side == 0 ? 'a' : 'A') + i % 26)));
      ASSERT_EQ(rename(name.c_str(), At(side, "f").c_str()), 0) << errno;
    }
  });
  ended = true;
  reader.join();
  EXPECT_EQ(ReadFile(*this / "f"), ReadFile(Other("f")));
}

RECRYPT_OVER_ALL_STORES(SharedWriting);

}  // namespace
}  // namespace recrypt
