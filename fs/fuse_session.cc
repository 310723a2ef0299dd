#include "fs/fuse_session.h"

#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <shared_mutex>
#include <system_error>

#include "fs/fuse_ops.h"

namespace recrypt {
namespace {

// libfuse reports through one function for the process.
std::mutex log_mutex;  // guards log_sink and last_words; innermost
LogSink log_sink;
std::string last_words;

void TakeLog(enum fuse_log_level level, const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string words = text;
  while (words.ends_with('\n')) words.pop_back();
  std::lock_guard lock(log_mutex);
  last_words = words;
  if (log_sink) log_sink(level <= FUSE_LOG_ERR ? LogLevel::kError : LogLevel::kInfo, words);
}

std::string TakeLastWords() {
  std::lock_guard lock(log_mutex);
  return std::exchange(last_words, {});
}

void Init(void* session, struct fuse_conn_info* conn) {
  FuseDevice::AskForFeatures(conn);
  // Where the kernel checks modes it has to know access lists too; else the share goes by them.
  if (static_cast<FuseSession*>(session)->options().default_permissions) {
    conn->want |= conn->capable & FUSE_CAP_POSIX_ACL;
  }
}

// Commas separate mount options, backslashes escape them.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == ',' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

}  // namespace

const struct fuse_lowlevel_ops& FuseOperations() {
  static const struct fuse_lowlevel_ops operations = [] {
    struct fuse_lowlevel_ops ops = {};
    ops.init = Init;
    SetNameOperations(ops);
    SetFileOperations(ops);
    SetLockOperations(ops);
    return ops;
  }();
  return operations;
}

FuseSession::FuseSession(SessionOptions options, LogSink log)
    : options_(std::move(options)), log_(std::move(log)) {
  std::lock_guard lock(log_mutex);
  log_sink = log_;
  fuse_set_log_func(TakeLog);
}

FuseSession::~FuseSession() {
  if (session_ == nullptr) return;
  if (mounted_) fuse_session_unmount(session_);
  fuse_session_destroy(session_);
  std::lock_guard lock(log_mutex);
  log_sink = nullptr;
}

std::string FuseSession::MountOptions() const {
  std::string text = "subtype=recryptfs,fsname=" + Escaped(options_.source);
  if (options_.read_only) text += ",ro";
  if (options_.allow_other) text += ",allow_other";
  if (options_.default_permissions) text += ",default_permissions";
  for (const std::string& option : options_.more) text += "," + option;
  return text;
}

Status FuseSession::Mount(FileSystem& fs) {
  fs_ = &fs;
  std::string program = "recryptfs", flag = "-o", text = MountOptions();
  char* arguments[] = {program.data(), flag.data(), text.data(), nullptr};
  struct fuse_args args = FUSE_ARGS_INIT(3, arguments);
  session_ = fuse_session_new(&args, &FuseOperations(), sizeof(struct fuse_lowlevel_ops), this);
  fuse_opt_free_args(&args);
  if (session_ == nullptr) {
    return Fail(ErrorCode::kInvalid, "mount options \"" + text + "\": " + TakeLastWords());
  }
  errno = 0;
  if (fuse_session_mount(session_, options_.mountpoint.c_str()) != 0) {
    return Fail(ErrorCode::kIo, "mounting on " + options_.mountpoint + ": " + TakeLastWords());
  }
  std::unique_lock lock(notifying_);
  mounted_ = true;
  RECRYPT_TRY(FuseDevice::Attach(session_, [](int fd, struct iovec* parts, int count, void* user) {
    return static_cast<FuseSession*>(user)->device().Send(fd, parts, count);
  }));
  loop_ = std::make_unique<FuseLoop>(session_, device_, options_.threads);
  return {};
}

void FuseSession::Serve() {
  const int result = loop_->Run();
  if (result < 0)
    log_(LogLevel::kError, "serving the mount: " + std::generic_category().message(-result));
  locks_.Stop();
  {
    // Unmounting closes the device: nobody may write to its number any more, which may soon be that
    // of another file.
    std::unique_lock lock(notifying_);
    mounted_ = false;
  }
  fuse_session_unmount(session_);
}

void FuseSession::Stop() {
  if (loop_ != nullptr) loop_->Stop();
}

void FuseSession::DropPages(uint64_t inode_id) {
  std::shared_lock lock(notifying_);
  if (!mounted_) return;
  const int result = fuse_lowlevel_notify_inval_inode(session_, inode_id, 0, 0);
  if (result != 0 && result != -ENOENT) {
    log_(LogLevel::kWarning, "dropping cached pages: error " + std::to_string(-result));
  }
}

void FuseSession::DropAttributes(uint64_t inode_id) {
  std::shared_lock lock(notifying_);
  if (mounted_) (void)fuse_lowlevel_notify_inval_inode(session_, inode_id, -1, 0);
}

void FuseSession::DropName(uint64_t directory_id, const std::string& name) {
  std::shared_lock lock(notifying_);
  if (!mounted_) return;
  (void)fuse_lowlevel_notify_inval_entry(session_, directory_id, name.c_str(), name.size());
}

}  // namespace recrypt
