// Locks that programs take: fcntl(2) and flock(2), within a mount and between two of one share.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

struct flock Range(short type, off_t start, off_t length) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

// 0 or the errno.
int SetRange(int fd, short type, off_t start, off_t length, int command = F_SETLK) {
  struct flock lock = Range(type, start, length);
  return fcntl(fd, command, &lock) == 0 ? 0 : errno;
}

int Whole(int fd, int operation) { return flock(fd, operation) == 0 ? 0 : errno; }

// A process that holds a lock until it is told to go on.
class Holder {
 public:
  explicit Holder(const std::function<bool()>& take) {
    int ready[2], leave[2];
    if (pipe(ready) != 0 || pipe(leave) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(leave[1]);
      const char answer = take() ? '+' : '-';
      if (write(ready[1], &answer, 1) != 1) _exit(2);
      char word;
      _exit(read(leave[0], &word, 1) == 1 ? 1 : 0);
    }
    close(ready[1]);
    close(leave[0]);
    leave_ = UniqueFd(leave[1]);
    UniqueFd reader(ready[0]);
    char answer = 0;
    EXPECT_EQ(read(reader.get(), &answer, 1), 1);
    EXPECT_EQ(answer, '+');
  }
  ~Holder() { Leave(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  void Leave() {
    leave_.Reset();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
  UniqueFd leave_;
};

class Locks : public MountTest {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    if (IsSkipped()) return;
    Mount();
    WriteFile(*this / "f", "content");
  }
  Holder HoldRange(const std::string& path, short type, off_t start, off_t length) {
    return Holder([=] {
      static UniqueFd fd = OpenFd(path, O_RDWR);
      return SetRange(fd.get(), type, start, length) == 0;
    });
  }
};

TEST_F(Locks, OfOneProcessKeepOthersOut) {
  const std::string path = *this / "f";
  Holder holder = HoldRange(path, F_WRLCK, 10, 10);
  UniqueFd fd = OpenFd(path, O_RDWR);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 15, 1), EAGAIN);
  EXPECT_EQ(SetRange(fd.get(), F_RDLCK, 19, 100), EAGAIN);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 20, 0), 0);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 10), 0);
  struct flock found = Range(F_WRLCK, 0, 0);
  ASSERT_EQ(fcntl(fd.get(), F_GETLK, &found), 0);
  EXPECT_EQ(found.l_type, F_WRLCK);
  EXPECT_EQ(found.l_start, 10);
  EXPECT_EQ(found.l_len, 10);
  holder.Leave();
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 15, 1), 0);
  found = Range(F_WRLCK, 0, 0);
  ASSERT_EQ(fcntl(fd.get(), F_GETLK, &found), 0);
  EXPECT_EQ(found.l_type, F_UNLCK);
}

TEST_F(Locks, ReadersShare) {
  const std::string path = *this / "f";
  Holder holder = HoldRange(path, F_RDLCK, 0, 0);
  UniqueFd fd = OpenFd(path, O_RDWR);
  EXPECT_EQ(SetRange(fd.get(), F_RDLCK, 0, 0), 0);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0), EAGAIN);
  holder.Leave();
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0), 0);
}

TEST_F(Locks, OfflockBelongToTheOpenFile) {
  const std::string path = *this / "f";
  UniqueFd first = OpenFd(path, O_RDONLY), second = OpenFd(path, O_RDONLY);
  EXPECT_EQ(Whole(first.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(Whole(second.get(), LOCK_EX | LOCK_NB), EWOULDBLOCK);
  EXPECT_EQ(Whole(second.get(), LOCK_SH | LOCK_NB), EWOULDBLOCK);
  // It has nothing to do with ranges.
  UniqueFd writer = OpenFd(path, O_RDWR);
  EXPECT_EQ(SetRange(writer.get(), F_WRLCK, 0, 0), 0);
  UniqueFd copy(dup(first.get()));
  first.Reset();
  EXPECT_EQ(Whole(second.get(), LOCK_SH | LOCK_NB), EWOULDBLOCK);
  copy.Reset();
  EXPECT_EQ(Whole(second.get(), LOCK_EX), 0);
  EXPECT_EQ(Whole(second.get(), LOCK_UN), 0);
}

TEST_F(Locks, EndWithAnyCloseOfTheirProcess) {
  const std::string path = *this / "f";
  UniqueFd fd = OpenFd(path, O_RDWR);
  ASSERT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0), 0);
  { UniqueFd another = OpenFd(path, O_RDONLY); }
  Holder holder = HoldRange(path, F_WRLCK, 0, 0);
  // A child's close is not its parent's.
  holder.Leave();
  ASSERT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(fd.Release());
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  Holder late([&] {
    UniqueFd mine = OpenFd(path, O_RDWR);
    return SetRange(mine.get(), F_WRLCK, 0, 0) == EAGAIN;
  });
}

TEST_F(Locks, OfADescriptorThatReadsEndWhenItIsClosed) {
  const std::string path = *this / "f";
  {
    UniqueFd fd = OpenFd(path, O_RDONLY);
    ASSERT_EQ(SetRange(fd.get(), F_RDLCK, 0, 0), 0);
  }
  // The kernel tells of that close when it is over.
  Holder holder([&] {
    static UniqueFd fd = OpenFd(path, O_RDWR);
    return SetRange(fd.get(), F_WRLCK, 0, 0, F_SETLKW) == 0;
  });
}

TEST_F(Locks, WhoWaitsGetsItWhenItIsFree) {
  const std::string path = *this / "f";
  Holder holder = HoldRange(path, F_WRLCK, 0, 0);
  UniqueFd fd = OpenFd(path, O_RDWR);
  std::thread leaves([&] {
    usleep(50'000);
    holder.Leave();
  });
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 3, 4, F_SETLKW), 0);
  leaves.join();
}

void OnSignal(int) {}

TEST_F(Locks, ASignalEndsTheWait) {
  const std::string path = *this / "f";
  Holder holder = HoldRange(path, F_WRLCK, 0, 0);
  struct sigaction action = {};
  action.sa_handler = OnSignal;  // no SA_RESTART
  sigaction(SIGALRM, &action, nullptr);
  UniqueFd fd = OpenFd(path, O_RDWR);
  for (int i = 0; i < 3; ++i) {
    ualarm(30'000, 0);
    EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0, F_SETLKW), EINTR);
    ualarm(30'000, 0);
    UniqueFd other = OpenFd(path, O_RDWR);
    EXPECT_EQ(SetRange(other.get(), F_WRLCK, 5, 1, F_OFD_SETLKW), EINTR);
  }
  // The mount goes on serving.
  EXPECT_EQ(ReadFile(path), "content");
}

TEST_F(Locks, HoldUpNeitherReadingNorWriting) {
  const std::string path = *this / "f";
  Holder holder = HoldRange(path, F_WRLCK, 0, 0);
  WriteFile(path, "advisory");
  EXPECT_EQ(ReadFile(path), "advisory");
}

TEST_F(Locks, EndWithTheirProcess) {
  const std::string path = *this / "f";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    static UniqueFd fd = OpenFd(path, O_RDWR);
    if (SetRange(fd.get(), F_WRLCK, 0, 0) != 0 || Whole(fd.get(), LOCK_EX) != 0) _exit(1);
    if (write(ready[1], "+", 1) != 1) _exit(1);
    pause();
  }
  char word;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  close(ready[0]);
  close(ready[1]);
  UniqueFd fd = OpenFd(path, O_RDWR);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0), EAGAIN);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(SetRange(fd.get(), F_WRLCK, 0, 0, F_SETLKW), 0);
  EXPECT_EQ(Whole(fd.get(), LOCK_EX), 0);
}

class LocksOfTwoMounts : public Locks {
 protected:
  void SetUp() override {
    Locks::SetUp();
    if (IsSkipped()) return;
    bob_ = std::make_unique<FakeAccess>(labels_, "bob@example.com");
    other_ = std::make_unique<TestMount>(share_, dir_.Make("other"), *bob_);
  }
  std::unique_ptr<FakeAccess> bob_;
  std::unique_ptr<TestMount> other_;
};

TEST_F(LocksOfTwoMounts, ExcludeEachOther) {
  UniqueFd here = OpenFd(*this / "f", O_RDWR), there = OpenFd(*other_ / "f", O_RDWR);
  ASSERT_EQ(SetRange(here.get(), F_WRLCK, 100, 50), 0);
  EXPECT_EQ(SetRange(there.get(), F_WRLCK, 149, 1), EAGAIN);
  EXPECT_EQ(SetRange(there.get(), F_RDLCK, 150, 1), 0);
  struct flock found = Range(F_RDLCK, 0, 0);
  ASSERT_EQ(fcntl(there.get(), F_GETLK, &found), 0);
  EXPECT_EQ(found.l_type, F_WRLCK);
  EXPECT_EQ(found.l_start, 100);
  EXPECT_EQ(found.l_len, 50);
  ASSERT_EQ(SetRange(here.get(), F_UNLCK, 0, 0), 0);
  EXPECT_EQ(SetRange(there.get(), F_WRLCK, 149, 1), 0);
  ASSERT_EQ(Whole(here.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(Whole(there.get(), LOCK_SH | LOCK_NB), EWOULDBLOCK);
  here.Reset();
  EXPECT_EQ(Whole(there.get(), LOCK_SH), 0);
}

TEST_F(LocksOfTwoMounts, EndWithAMountThatIsKilled) {
  UniqueFd there = OpenFd(*other_ / "f", O_RDWR);
  ASSERT_EQ(SetRange(there.get(), F_WRLCK, 0, 0), 0);
  UniqueFd here = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(SetRange(here.get(), F_WRLCK, 0, 0), EAGAIN);
  kill(other_->pid(), SIGKILL);
  EXPECT_EQ(SetRange(here.get(), F_WRLCK, 0, 0, F_SETLKW), 0);
  there.Reset();
  umount2(other_->mountpoint().c_str(), MNT_DETACH);
  other_->Wait();
}

// What a database does: it keeps the file open, and believes what it reads under a lock.
TEST_F(LocksOfTwoMounts, WhoTakesOneSeesWhatTheOtherWrote) {
  UniqueFd here = OpenFd(*this / "f", O_RDWR), there = OpenFd(*other_ / "f", O_RDWR);
  for (int round = 0; round < 20; ++round) {
    UniqueFd& writer = round % 2 == 0 ? here : there;
    UniqueFd& reader = round % 2 == 0 ? there : here;
    const std::string text = RandomText(5000 + 977 * static_cast<size_t>(round), round);
    ASSERT_EQ(SetRange(writer.get(), F_WRLCK, 0, 0), 0);
    ASSERT_EQ(pwrite(writer.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ASSERT_EQ(SetRange(writer.get(), F_UNLCK, 0, 0), 0);
    ASSERT_EQ(SetRange(reader.get(), F_RDLCK, 0, 0), 0);
    struct stat st;
    ASSERT_EQ(fstat(reader.get(), &st), 0);
    EXPECT_EQ(st.st_size, static_cast<off_t>(text.size())) << round;
    std::string read(text.size(), '\0');
    ASSERT_EQ(pread(reader.get(), read.data(), read.size(), 0), static_cast<ssize_t>(read.size()));
    EXPECT_TRUE(read == text) << round;
    ASSERT_EQ(SetRange(reader.get(), F_UNLCK, 0, 0), 0);
  }
}

TEST_F(LocksOfTwoMounts, KeepNoReaderFromADocument) {
  UniqueFd here = OpenFd(*this / "f", O_RDWR);
  ASSERT_EQ(SetRange(here.get(), F_WRLCK, 0, 0), 0);
  ASSERT_EQ(Whole(here.get(), LOCK_EX), 0);
  EXPECT_EQ(ReadFile(*other_ / "f"), "content");
  WriteFile(*other_ / "f", "written there");
  EXPECT_EQ(ReadFile(*this / "f"), "written there");
}

}  // namespace
}  // namespace recrypt
