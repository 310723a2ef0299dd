#include "tests/mount/support/caching_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace recrypt {
namespace {

int64_t Nanoseconds(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int64_t Coarse(const struct timespec& time) {
  return Nanoseconds(time) / CachingStore::kTimeUnit * CachingStore::kTimeUnit;
}

bool IsRecent(const struct timespec& changed) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now) - Nanoseconds(changed) < CachingStore::kRecent;
}

tl::unexpected<Error> NoSuchName() {
  return Fail(Error{ErrorCode::kNotFound, "no such name", ENOENT});
}

}  // namespace

CachingStore::~CachingStore() {
  for (auto& [key, file] : files_) (void)WriteOut(file);
}

Result<CachingStore::Key> CachingStore::KeyOf(int fd) {
  struct statx st;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0) {
    return FailErrno(errno, "statx");
  }
  return Key(st.stx_ino, st.stx_btime.tv_sec * 1'000'000'000 + st.stx_btime.tv_nsec);
}

Result<CachingStore::File*> CachingStore::FileOf(int fd) {
  RECRYPT_ASSIGN(const Key key, KeyOf(fd));
  return &files_[key];
}

Result<struct stat> CachingStore::Fetch(int fd, File& file) {
  RECRYPT_ASSIGN(struct stat st, inner().Stat(fd));
  st.st_mtim.tv_nsec -= st.st_mtim.tv_nsec % kTimeUnit;
  const auto size = static_cast<uint64_t>(st.st_size);
  if (file.modified != Coarse(st.st_mtim) || file.size != size) {
    file.pages.clear();
    file.modified = Coarse(st.st_mtim);
    file.size = size;
  }
  file.attributes = st;
  return st;
}

Result<struct stat> CachingStore::Known(int fd, File& file) {
  struct stat st;
  if (file.attributes) {
    st = *file.attributes;
  } else {
    RECRYPT_ASSIGN(st, Fetch(fd, file));
  }
  for (const Unwritten& write : file.unwritten) {
    st.st_size = std::max(st.st_size, static_cast<off_t>(write.offset + write.data.size()));
  }
  return st;
}

// Pages that are here stay good if nobody else changed the file meanwhile.
Status CachingStore::WriteOut(File& file) {
  if (file.unwritten.empty()) return {};
  const int fd = file.writer.get();
  RECRYPT_TRY(Fetch(fd, file));
  std::vector<Unwritten> writes = std::move(file.unwritten);
  const UniqueFd writer = std::move(file.writer);
  file.unwritten.clear();
  file.unwritten_bytes = 0;
  std::map<uint64_t, Bytes> pages = std::move(file.pages);
  for (const Unwritten& write : writes) {
    RECRYPT_TRY(inner().WriteAt(writer.get(), write.offset, write.data));
    for (size_t i = 0; i < write.data.size(); ++i) {
      const uint64_t at = write.offset + i;
      auto page = pages.find(at / kPage);
      if (page != pages.end()) page->second[at % kPage] = write.data[i];
    }
  }
  RECRYPT_TRY(Fetch(writer.get(), file));
  file.pages = std::move(pages);
  return {};
}

Result<struct stat> CachingStore::Stat(int fd_or_node) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(const struct stat st, inner().Stat(fd_or_node));
  if (!S_ISREG(st.st_mode)) return st;
  RECRYPT_ASSIGN(File * file, FileOf(fd_or_node));
  return Known(fd_or_node, *file);
}

Status CachingStore::Revalidate(int fd_or_node) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(const struct stat st, inner().Stat(fd_or_node));
  RECRYPT_ASSIGN(const Key key, KeyOf(fd_or_node));
  if (S_ISDIR(st.st_mode)) {
    directories_.erase(key);
    return {};
  }
  if (st.st_nlink == 0 && !removed_.contains(key)) {
    return Fail(Error{ErrorCode::kNotFound, "stale file handle", ESTALE});
  }
  File& file = files_[key];
  RECRYPT_TRY(WriteOut(file));
  RECRYPT_ASSIGN(const struct stat now, Fetch(fd_or_node, file));
  if (IsRecent(now.st_ctim)) file.pages.clear();
  return {};
}

template <typename Change>
Status CachingStore::ChangeAttributes(int node, Change change) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(node));
  RECRYPT_TRY(WriteOut(*file));
  Status changed = change();
  file->attributes.reset();
  return changed;
}

Status CachingStore::ChangeMode(int node, mode_t mode) {
  return ChangeAttributes(node, [&] { return inner().ChangeMode(node, mode); });
}

Status CachingStore::ChangeOwner(int node, Owner owner) {
  return ChangeAttributes(node, [&] { return inner().ChangeOwner(node, owner); });
}

Status CachingStore::ChangeTimes(int node, const struct timespec times[2]) {
  return ChangeAttributes(node, [&] { return inner().ChangeTimes(node, times); });
}

Result<UniqueFd> CachingStore::Copy(const UniqueFd& node) {
  UniqueFd copy(fcntl(node.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return FailErrno(errno, "dup");
  return copy;
}

Result<UniqueFd> CachingStore::OpenNode(int dir, const std::string& name) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(const Key key, KeyOf(dir));
  Directory& directory = directories_[key];
  auto known = directory.names.find(name);
  if (known == directory.names.end()) {
    auto node = inner().OpenNode(dir, name);
    if (!node && node.error().code != ErrorCode::kNotFound) return node;
    if (node) {  // the answer comes with the attributes
      RECRYPT_ASSIGN(File * file, FileOf(node->get()));
      file->attributes.reset();
    }
    known = directory.names.emplace(name, node ? std::move(*node) : UniqueFd()).first;
  }
  if (!known->second) return NoSuchName();
  return Copy(known->second);
}

Result<struct stat> CachingStore::StatAt(int dir, const std::string& name) {
  RECRYPT_ASSIGN(const UniqueFd node, OpenNode(dir, name));
  return Stat(node.get());
}

Status CachingStore::ForgetName(int dir, const std::string& name) {
  RECRYPT_ASSIGN(const Key key, KeyOf(dir));
  Directory& directory = directories_[key];
  auto known = directory.names.find(name);
  if (known == directory.names.end()) return {};
  if (known->second) {
    RECRYPT_ASSIGN(File * file, FileOf(known->second.get()));
    file->attributes.reset();
  }
  directory.names.erase(known);
  return {};
}

template <typename Change>
Status CachingStore::ChangeName(int dir, const std::string& name, Change change) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(ForgetName(dir, name));
  return change();
}

Status CachingStore::MakeDirectory(int dir, const std::string& name, mode_t mode) {
  return ChangeName(dir, name, [&] { return inner().MakeDirectory(dir, name, mode); });
}

Status CachingStore::MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) {
  return ChangeName(dir, name, [&] { return inner().MakeNode(dir, name, mode, device); });
}

Status CachingStore::MakeSymlink(int dir, const std::string& name, const std::string& target) {
  return ChangeName(dir, name, [&] { return inner().MakeSymlink(dir, name, target); });
}

Status CachingStore::Link(int node, int dir, const std::string& name) {
  return ChangeName(dir, name, [&]() -> Status {
    RECRYPT_ASSIGN(File * file, FileOf(node));
    file->attributes.reset();
    return inner().Link(node, dir, name);
  });
}

void CachingStore::NoteRemoved(int dir, const std::string& name) {
  auto node = inner().OpenNode(dir, name);
  if (!node) return;
  if (auto key = KeyOf(node->get())) removed_.insert(*key);
}

Status CachingStore::Unlink(int dir, const std::string& name) {
  return ChangeName(dir, name, [&] {
    NoteRemoved(dir, name);
    return inner().Unlink(dir, name);
  });
}

Status CachingStore::RemoveDirectory(int dir, const std::string& name) {
  return ChangeName(dir, name, [&] { return inner().RemoveDirectory(dir, name); });
}

Status CachingStore::Rename(int from_dir, const std::string& from, int to_dir,
                            const std::string& to, unsigned flags) {
  return ChangeName(from_dir, from, [&]() -> Status {
    RECRYPT_TRY(ForgetName(to_dir, to));
    NoteRemoved(to_dir, to);
    return inner().Rename(from_dir, from, to_dir, to, flags);
  });
}

Result<UniqueFd> CachingStore::OpenFile(int node, int flags) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(const struct stat st, inner().Stat(node));
  RECRYPT_ASSIGN(const Key key, KeyOf(node));
  if (st.st_nlink == 0 && !removed_.contains(key)) {
    return Fail(Error{ErrorCode::kNotFound, "stale file handle", ESTALE});
  }
  RECRYPT_ASSIGN(UniqueFd fd, inner().OpenFile(node, flags));
  File& file = files_[key];
  RECRYPT_TRY(WriteOut(file));
  RECRYPT_TRY(Fetch(fd.get(), file));
  return fd;
}

Result<UniqueFd> CachingStore::CreateFile(int dir, const std::string& name, mode_t mode) {
  std::lock_guard lock(mutex_);
  RECRYPT_TRY(ForgetName(dir, name));
  return inner().CreateFile(dir, name, mode);
}

void CachingStore::WillRead(int, uint64_t, uint64_t) {}

Result<size_t> CachingStore::ReadAt(int fd, uint64_t offset, MutableByteSpan out) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(fd));
  RECRYPT_ASSIGN(const struct stat st, Known(fd, *file));
  const auto size = static_cast<uint64_t>(st.st_size);
  if (offset >= size) return size_t{0};
  out = out.first(std::min<uint64_t>(out.size(), size - offset));
  for (size_t done = 0; done < out.size();) {
    const uint64_t at = offset + done, from = at % kPage;
    Bytes& page = file->pages[at / kPage];
    if (page.empty()) {
      page.resize(kPage);
      RECRYPT_TRY(inner().ReadAt(fd, at - from, page));
    }
    const size_t part = std::min<uint64_t>(out.size() - done, kPage - from);
    std::copy_n(page.begin() + static_cast<ptrdiff_t>(from), part,
                out.begin() + static_cast<ptrdiff_t>(done));
    done += part;
  }
  for (const Unwritten& write : file->unwritten) {
    const uint64_t begin = std::max(offset, write.offset);
    const uint64_t end = std::min(offset + out.size(), write.offset + write.data.size());
    for (uint64_t at = begin; at < end; ++at) out[at - offset] = write.data[at - write.offset];
  }
  return out.size();
}

Status CachingStore::WriteAt(int fd, uint64_t offset, ByteSpan data) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(fd));
  const int flags = fcntl(fd, F_GETFL);
  if ((flags & O_ACCMODE) == O_RDONLY) return FailErrno(EBADF, "write");
  if (!file->writer) file->writer = UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  file->unwritten.push_back({offset, Bytes(data.begin(), data.end())});
  file->unwritten_bytes += data.size();
  return file->unwritten_bytes > kMaxUnwritten ? WriteOut(*file) : Status{};
}

Status CachingStore::Truncate(int fd, uint64_t size) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(fd));
  RECRYPT_TRY(WriteOut(*file));
  RECRYPT_TRY(inner().Truncate(fd, size));
  // Pages in front of the end stay good.
  RECRYPT_ASSIGN(struct stat st, inner().Stat(fd));
  file->modified = Coarse(st.st_mtim);
  file->size = size;
  file->pages.erase(file->pages.lower_bound(size / kPage), file->pages.end());
  RECRYPT_TRY(Fetch(fd, *file));
  return {};
}

Status CachingStore::WriteOutOf(int fd) {
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(fd));
  return WriteOut(*file);
}

Status CachingStore::SyncData(int fd) {
  RECRYPT_TRY(WriteOutOf(fd));
  return inner().SyncData(fd);
}

Status CachingStore::SyncAll(int fd) {
  RECRYPT_TRY(WriteOutOf(fd));
  return inner().SyncAll(fd);
}

Status CachingStore::SyncShare() {
  {
    std::lock_guard lock(mutex_);
    for (auto& [key, file] : files_) RECRYPT_TRY(WriteOut(file));
  }
  return inner().SyncShare();
}

Status CachingStore::TryLock(int fd, LockKind kind) {
  RECRYPT_TRY(inner().TryLock(fd, kind));
  std::lock_guard lock(mutex_);
  RECRYPT_ASSIGN(File * file, FileOf(fd));
  RECRYPT_TRY(WriteOut(*file));
  file->attributes.reset();
  file->pages.clear();
  return {};
}

void CachingStore::Unlock(int fd) {
  (void)WriteOutOf(fd);
  inner().Unlock(fd);
}

}  // namespace recrypt
