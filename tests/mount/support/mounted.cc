#include "tests/mount/support/mounted.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include "daemon/mount/mount.h"
#include "fs/posix_store.h"

namespace recrypt {
namespace {

[[noreturn]] void Throw(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

TempDir::TempDir() {
  const char* base = std::getenv("RECRYPT_MOUNT_TESTS");
  std::string name = std::string(base == nullptr ? "/tmp" : base) + "/t-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) Throw(name);
  path_ = name;
}

void TempDir::MountMemory(const std::string& name) {
  if (geteuid() == 0) (void)mount("tmpfs", (path_ / name).c_str(), "tmpfs", 0, "mode=0755");
  memory_.push_back(path_ / name);
}

TempDir::~TempDir() {
  for (const std::string& point : memory_) (void)umount2(point.c_str(), MNT_DETACH);
  std::error_code ignored;
  stdfs::remove_all(path_, ignored);
}

std::string TempDir::Make(const std::string& name) {
  stdfs::create_directories(path_ / name);
  return path_ / name;
}

namespace {

// The child's whole life. Says "+" to `ready` once it serves, or why it does not.
[[noreturn]] void ServeInChild(const MountOptions& options, Access& access,
                               const MountSettings& settings, int log, int ready) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (settings.before_serving) settings.before_serving();
  BlockStopSignals();
  SystemClock clock;
  auto say = [](int fd, const std::string& words) {
    if (write(fd, words.data(), words.size()) < 0) _exit(2);
  };
  MountServices services{access,
                         clock,
                         [&settings](ByteSpan document) -> Result<SharePolicy> {
                           if (settings.verify_policy) return settings.verify_policy(document);
                           if (settings.policy) return *settings.policy;
                           return Fail(ErrorCode::kDenied,
                                       "the policy's signature does not verify");
                         },
                         [&](LogLevel, const std::string& line) { say(log, line + "\n"); },
                         [&]() -> Status {
                           say(ready, "+");
                           return {};
                         },
                         settings.lock_wait_ms};
  if (settings.wrap_store) {
    services.open_store = [&settings](const std::string& share) -> Result<std::unique_ptr<Store>> {
      RECRYPT_ASSIGN(auto store, PosixStore::Open(share));
      return settings.wrap_store(std::move(store));
    };
  }
  Status ended = RunMount(options, services);
  if (!ended) say(ready, ended.error().message);
  _exit(ended ? 0 : 1);
}

}  // namespace

TestMount::TestMount(const std::string& share, const std::string& mountpoint, Access& access,
                     MountSettings settings)
    : mountpoint_(mountpoint), log_(memfd_create("log", MFD_CLOEXEC)) {
  MountOptions options{share, mountpoint, std::nullopt, settings.options};
  if (!settings.label.empty()) options.label = *LabelExpression::Parse(settings.label);
  int ends[2];
  if (!log_ || pipe2(ends, O_CLOEXEC) != 0) Throw("pipe");
  UniqueFd reader(ends[0]), writer(ends[1]);
  fcntl(log_.get(), F_SETFL, O_APPEND);
  pid_ = fork();
  if (pid_ < 0) Throw("fork");
  if (pid_ == 0) ServeInChild(options, access, settings, log_.get(), writer.get());
  writer.Reset();
  std::string words(4096, '\0');
  const ssize_t size = read(reader.get(), words.data(), words.size());
  words.resize(size > 0 ? static_cast<size_t>(size) : 0);
  if (words == "+") return;
  Wait();
  throw std::runtime_error(words);
}

TestMount::~TestMount() { Unmount(); }

int TestMount::Unmount() {
  if (pid_ < 0) return 0;
  if (umount2(mountpoint_.c_str(), 0) != 0) kill(pid_, SIGTERM);  // something is open
  return Wait();
}

int TestMount::Wait() {
  if (pid_ < 0) return 0;
  int status = 0;
  for (int i = 0; i < 3000; ++i) {
    const pid_t done = waitpid(pid_, &status, WNOHANG);
    if (done == pid_) {
      pid_ = -1;
      return status;
    }
    usleep(i < 100 ? 1'000 : 10'000);
  }
  ADD_FAILURE() << "the mount on " << mountpoint_ << " does not end";
  kill(pid_, SIGKILL);
  waitpid(pid_, &status, 0);
  pid_ = -1;
  umount2(mountpoint_.c_str(), MNT_DETACH);
  return status;
}

std::string TestMount::Log() const {
  struct stat st;
  if (fstat(log_.get(), &st) != 0) Throw("log");
  std::string text(static_cast<size_t>(st.st_size), '\0');
  const ssize_t size = pread(log_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

void MountTest::SetUp() {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse is not to be had";
  labels_.Add("A#example.com");
  labels_.Add("B#example.com");
  umask(0022);
  alice_ = std::make_unique<FakeAccess>(labels_, "alice@example.com");
}

TestMount& MountTest::Mount(MountSettings settings) {
  mount_.reset();
  mount_ = std::make_unique<TestMount>(share_, mountpoint_, *alice_, std::move(settings));
  return *mount_;
}

UniqueFd OpenFd(const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) Throw(path);
  return fd;
}

int OpenErrno(const std::string& path, int flags) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, 0644));
  return fd ? 0 : errno;
}

std::string ReadAll(int fd) {
  std::string content, buffer(1 << 20, '\0');
  for (;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) Throw("read");
    if (got == 0) return content;
    content.append(buffer, 0, static_cast<size_t>(got));
  }
}

std::string ReadFile(const std::string& path) { return ReadAll(OpenFd(path, O_RDONLY).get()); }

namespace {

void WriteTo(const std::string& path, int flags, std::string_view content) {
  UniqueFd fd = OpenFd(path, flags);
  while (!content.empty()) {
    const ssize_t put = write(fd.get(), content.data(), content.size());
    if (put < 0) Throw(path);
    content.remove_prefix(static_cast<size_t>(put));
  }
  if (close(fd.Release()) != 0) Throw(path);
}

}  // namespace

void WriteFile(const std::string& path, std::string_view content) {
  WriteTo(path, O_WRONLY | O_CREAT | O_TRUNC, content);
}

void AppendFile(const std::string& path, std::string_view content) {
  WriteTo(path, O_WRONLY | O_CREAT | O_APPEND, content);
}

std::string Xattr(const std::string& path, const std::string& name) {
  std::string value(4096, '\0');
  const ssize_t size = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return "";
  value.resize(static_cast<size_t>(size));
  return value;
}

std::vector<std::string> List(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : stdfs::directory_iterator(directory)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string RandomText(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

bool AnyFileContains(const std::string& directory, std::string_view text) {
  for (const auto& entry : stdfs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (content.str().find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace recrypt
