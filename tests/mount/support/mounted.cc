#include "tests/mount/support/mounted.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

TempDir::~TempDir() {
  std::error_code ignored;
  stdfs::remove_all(path_, ignored);
}

std::string TempDir::Make(const std::string& name) {
  stdfs::create_directories(path_ / name);
  return path_ / name;
}

TestMount::TestMount(const std::string& share, const std::string& mountpoint, Access& access,
                     MountSettings settings)
    : mountpoint_(mountpoint), store_(std::move(settings.store)) {
  LogSink log = [this](LogLevel, const std::string& line) { Note(line); };
  if (store_ == nullptr) {
    auto opened = PosixStore::Open(share);
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = std::move(*opened);
  }
  SessionOptions session;
  session.mountpoint = mountpoint;
  session.source = share;
  session.read_only = settings.read_only;
  session.default_permissions = true;
  session_ = std::make_unique<FuseSession>(session, log);
  FileSystemOptions options;
  if (!settings.label.empty()) options.label = *LabelExpression::Parse(settings.label);
  options.verify_policy = [policy = settings.policy](ByteSpan) -> Result<SharePolicy> {
    if (!policy) return Fail(ErrorCode::kDenied, "the policy's signature does not verify");
    return *policy;
  };
  options.lock_wait_ms = settings.lock_wait_ms;
  options.own_by_caller = geteuid() == 0;
  umask(0022);
  auto fs = FileSystem::Create(options, *store_, access, clock_, *session_, log);
  if (!fs) throw std::runtime_error(fs.error().message);
  fs_ = std::move(*fs);
  Status mounted = session_->Mount(*fs_);
  if (!mounted) throw std::runtime_error(mounted.error().message);
  server_ = std::thread([this] { session_->Serve(); });
}

TestMount::~TestMount() { Unmount(); }

void TestMount::Unmount() {
  if (!server_.joinable()) return;
  if (umount2(mountpoint_.c_str(), 0) != 0) {
    umount2(mountpoint_.c_str(), MNT_DETACH);
    session_->Stop();
  }
  server_.join();
  fs_->Shutdown();
  fs_.reset();
  session_.reset();
}

void TestMount::Note(const std::string& line) {
  std::lock_guard lock(log_mutex_);
  log_ += line + "\n";
}

std::string TestMount::Log() const {
  std::lock_guard lock(log_mutex_);
  return log_;
}

void MountTest::SetUp() {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse is not to be had";
  labels_.Add("A#example.com");
  labels_.Add("B#example.com");
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
