// kill -9 of the process that serves a mount, at random moments under load: what a program was told
// to be written is there in the next mount, and work goes on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <system_error>
#include <thread>

#include "tests/crash/support/workbench.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr size_t kBlock = 4096;

// The content of a block: what it is is written all over it.
std::string BlockOf(const std::string& file, size_t block, uint32_t version) {
  char head[64];
  std::snprintf(head, sizeof head, "%s %zu %u|", file.c_str(), block, version);
  const std::string pattern(head);
  std::string content;
  while (content.size() < kBlock) content += pattern;
  content.resize(kBlock);
  return content;
}

// A file of blocks, each with versions that only rise.
struct BlockFile {
  struct Versions {
    uint32_t promised = 0;  // at least this one is found; 0: the block need not be there
    uint32_t written = 0;   // the last one whose writing returned, or that was found
    uint32_t begun = 0;     // the last one that may be found
  };
  std::vector<Versions> blocks;

  void Promise() {
    for (Versions& each : blocks) each.promised = each.written;
  }
};

class KillTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse is not to be had";
    labels_.Add("A#example.com");
    alice_ = std::make_unique<FakeAccess>(labels_, "alice@example.com");
  }

  void Mount() { mount_ = std::make_unique<TestMount>(share_, mountpoint_, *alice_); }
  std::string Path(const std::string& name) const { return mountpoint_ + "/" + name; }

  // Works until something fails, as everything does once nobody serves the mount.
  void WorkUntilKilled() {
    try {
      for (;;) {
        switch (random_() % 6) {
          case 0:
            Replace("saved " + std::to_string(random_() % 3));
            break;
          case 1:
            MakeSmall("small " + std::to_string(next_small_++));
            break;
          default:
            ChangeBlocks("blocks " + std::to_string(random_() % 4));
        }
        ++steps_;
      }
    } catch (const std::system_error& error) {
      failed_with_ = error.code().value();
    }
  }

  static void Must(bool done) {
    if (!done) throw std::system_error(errno, std::generic_category());
  }
  static void Put(int fd, const std::string& data, size_t offset) {
    Must(pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(data.size()));
  }

  void ChangeBlocks(const std::string& name) {
    BlockFile& file = files_[name];
    UniqueFd fd(open(Path(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    Must(bool(fd));
    for (uint64_t writes = 1 + random_() % 4; writes > 0; --writes) {
      const size_t block = random_() % std::min<size_t>(file.blocks.size() + 1, 300);
      if (block == file.blocks.size()) file.blocks.push_back({});
      const uint32_t version = ++file.blocks[block].begun;
      Put(fd.get(), BlockOf(name, block, version), block * kBlock);
      file.blocks[block].written = version;
    }
    const bool synced = random_() % 2 == 0;
    if (synced) Must(fsync(fd.get()) == 0);
    if (synced) file.Promise();
    Must(close(fd.Release()) == 0);
    // A small file that is new and was closed a moment ago is the one exception.
    struct stat st;
    Must(stat(Path(name).c_str(), &st) == 0);
    file.Promise();
  }

  // One block, saved over the last one by rename.
  void Replace(const std::string& name) {
    BlockFile& file = files_[name];
    if (file.blocks.empty()) file.blocks.push_back({});
    const std::string temporary = Path(name + ".tmp");
    UniqueFd fd(open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    Must(bool(fd));
    const uint32_t version = ++file.blocks[0].begun;
    Put(fd.get(), BlockOf(name, 0, version), 0);
    if (random_() % 2 == 0) Must(fsync(fd.get()) == 0);
    Must(close(fd.Release()) == 0);
    Must(rename(temporary.c_str(), Path(name).c_str()) == 0);
    file.blocks[0].written = version;
    // The first one replaces nothing, and is made durable by nobody.
    if (version > 1) file.Promise();
  }

  void MakeSmall(const std::string& name) {
    small_[name] = Small::kBegun;
    UniqueFd fd(open(Path(name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    Must(bool(fd));
    small_[name] = Small::kMade;
    Put(fd.get(), BlockOf(name, 0, 1), 0);
    const bool synced = random_() % 2 == 0;
    if (synced) Must(fsync(fd.get()) == 0);
    if (synced) small_[name] = Small::kSynced;
    Must(close(fd.Release()) == 0);
  }

  void Kill() {
    ASSERT_EQ(kill(mount_->pid(), SIGKILL), 0);
    EXPECT_EQ(mount_->Wait(), SIGKILL);
  }

  void CheckAll() {
    for (auto& [name, file] : files_) {
      CheckBlocks(name, file);
      if (HasFailure()) return;
    }
    std::erase_if(small_, [this](const auto& small) {
      return small.second == Small::kBegun && access(Path(small.first).c_str(), F_OK) != 0;
    });
    for (const auto& [name, how] : small_) {
      const std::string found = ReadFile(Path(name));
      EXPECT_TRUE(found == BlockOf(name, 0, 1) || (found.empty() && how != Small::kSynced))
          << name << " has " << found.size() << " bytes";
    }
    std::set<std::string> unknown;
    for (const std::string& name : List(mountpoint_)) {
      const std::string of = name.ends_with(".tmp") ? name.substr(0, name.size() - 4) : name;
      if (!files_.contains(of) && !small_.contains(of)) unknown.insert(name);
    }
    EXPECT_EQ(unknown, std::set<std::string>());
    for (const auto& [name, how] : small_) Must(unlink(Path(name).c_str()) == 0);
    small_.clear();
  }

  // Afterwards the file is known to hold what was found.
  void CheckBlocks(const std::string& name, BlockFile& file) {
    size_t promised = 0;
    for (size_t i = 0; i < file.blocks.size(); ++i) {
      if (file.blocks[i].promised != 0) promised = i + 1;
    }
    if (promised == 0 && access(Path(name).c_str(), F_OK) != 0) {
      file.blocks.clear();
      return;
    }
    const std::string found = ReadFile(Path(name));
    ASSERT_GE(found.size(), promised * kBlock) << name;
    ASSERT_LE(found.size(), file.blocks.size() * kBlock) << name;
    ASSERT_EQ(found.size() % kBlock, 0u) << name;
    file.blocks.resize(found.size() / kBlock);
    for (size_t i = 0; i < file.blocks.size(); ++i) {
      BlockFile::Versions& versions = file.blocks[i];
      const std::string block = found.substr(i * kBlock, kBlock);
      uint32_t version = versions.begun;
      while (version > versions.promised && block != BlockOf(name, i, version)) --version;
      const bool hole = version == 0 && block == std::string(kBlock, '\0');
      ASSERT_TRUE(hole || block == BlockOf(name, i, version))
          << name << ", block " << i << ": not between versions " << versions.promised << " and "
          << versions.begun << ": " << block.substr(0, 40);
      versions.promised = versions.written = version;  // no version comes twice
    }
  }

  enum class Small { kBegun, kMade, kSynced };
  std::mt19937_64 random_{CrashSeed()};        // of the program
  std::mt19937_64 random_pause_{CrashSeed()};  // of who kills
  TempDir dir_;
  ScratchDir scratch_;
  const std::string share_ = scratch_.Fresh("share");
  const std::string mountpoint_ = dir_.Make("mnt");
  FakeLabels labels_;
  std::unique_ptr<FakeAccess> alice_;
  std::unique_ptr<TestMount> mount_;
  std::map<std::string, BlockFile> files_;
  std::map<std::string, Small> small_;
  int next_small_ = 0;
  std::atomic<size_t> steps_{0};
  int failed_with_ = 0;
};

TEST_F(KillTest, LosesNothingThatWasAcknowledged) {
  const size_t rounds = StatesWanted() > 100 ? 200 : 10;
  size_t killed = 0;
  for (; killed < rounds && !HasFailure(); ++killed) {
    Mount();
    CheckAll();
    if (HasFailure()) break;
    std::thread program([this] { WorkUntilKilled(); });
    usleep(static_cast<useconds_t>(1'000 + random_pause_() % 250'000));
    Kill();
    program.join();
    umount2(mountpoint_.c_str(), MNT_DETACH);
    EXPECT_TRUE(failed_with_ == ENOTCONN || failed_with_ == ECONNABORTED || failed_with_ == EIO)
        << std::generic_category().message(failed_with_);
  }
  Mount();
  CheckAll();
  std::printf("killed %zu times, after %zu steps\n", killed, steps_.load());
  EXPECT_EQ(killed, rounds);
  EXPECT_GT(steps_, rounds);
}

}  // namespace
}  // namespace recrypt
