#include "fs/directory_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>

namespace recrypt {
namespace {

// What comes within a round is told at once.
constexpr auto kRound = std::chrono::milliseconds(20);
// An answer that was given before a change has reached the kernel by then.
constexpr int64_t kTellAgainMs = 500;
constexpr size_t kBufferSize = size_t{64} << 10;

int64_t NowMs() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

DirectoryWatch::DirectoryWatch(Store& store, size_t most, LogSink log, Tell tell)
    : store_(store), most_(most), log_(std::move(log)), tell_(std::move(tell)) {
  if (store.IsRemote() || most == 0) return;
  auto watcher = store.OpenWatcher();
  if (!watcher) {
    log_(LogLevel::kInfo, "directories are not watched: " + watcher.error().message);
    return;
  }
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return;
  watcher_ = std::move(*watcher);
  buffer_.resize(kBufferSize);
  thread_ = std::thread([this] { Run(); });
}

DirectoryWatch::~DirectoryWatch() { Stop(); }

void DirectoryWatch::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    stop_.notify_one();
  }
  if (!thread_.joinable()) return;
  (void)::eventfd_write(wake_.get(), 1);
  thread_.join();
}

bool DirectoryWatch::Watch(Inode& directory) {
  if (!watcher_) return false;
  return directory.is_watched() || Begin(directory);
}

bool DirectoryWatch::Begin(Inode& directory) {
  std::lock_guard lock(mutex_);
  if (directory.is_watched()) return true;
  if (stopped_) return false;
  if (watched_.size() >= most_) DropOldest();
  auto number = store_.Watch(watcher_.get(), directory.node());
  // Others of the same user may have taken all there are: for a newer one an older one goes.
  if (!number && number.error().os_error == ENOSPC && !watched_.empty()) {
    DropOldest();
    number = store_.Watch(watcher_.get(), directory.node());
  }
  if (!number) return false;
  // One that was forgotten, and is known again, has its old number.
  auto found = watched_.find(*number);
  if (found == watched_.end()) {
    ages_.push_back(*number);
    found = watched_.emplace(*number, Watched{{}, std::prev(ages_.end())}).first;
  }
  found->second.directory = directory.weak_from_this();
  directory.SetWatched(true);
  // Its attributes may have been looked at just before, and be answered only now.
  by_us_.try_emplace(directory.shared_from_this());
  (void)::eventfd_write(wake_.get(), 1);
  return true;
}

// Requires mutex_.
void DirectoryWatch::DropOldest() {
  const int number = ages_.front();
  const auto found = watched_.find(number);
  if (std::shared_ptr<Inode> directory = found->second.directory.lock()) {
    directory->SetWatched(false);
    by_us_[std::move(directory)].extent = Change::Extent::kIsWatchedNoMore;
    (void)::eventfd_write(wake_.get(), 1);
  }
  ages_.pop_front();
  watched_.erase(found);
  store_.Unwatch(watcher_.get(), number);
}

void DirectoryWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    lock.unlock();
    Round();
    lock.lock();
    stop_.wait_for(lock, kRound, [this] { return stopped_; });
  }
}

void DirectoryWatch::Round() {
  struct pollfd ready[] = {{watcher_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
  (void)::poll(ready, std::size(ready), UntilLater());
  eventfd_t woken = 0;
  (void)::eventfd_read(wake_.get(), &woken);
  Changes changes = TakeChanges();
  TellAll(changes);
  if (!changes.empty()) later_.push_back({NowMs() + kTellAgainMs, std::move(changes)});
  while (!later_.empty() && later_.front().at_ms <= NowMs()) {
    TellAll(later_.front().changes);
    later_.pop_front();
  }
}

int DirectoryWatch::UntilLater() const {
  if (later_.empty()) return -1;
  return static_cast<int>(std::max<int64_t>(later_.front().at_ms - NowMs(), 0));
}

DirectoryWatch::Changes DirectoryWatch::TakeChanges() {
  Changes changes;
  while (ReadEvents(changes)) {
  }
  std::lock_guard lock(mutex_);
  for (auto& [directory, change] : by_us_) {
    if (change.extent == Change::Extent::kIsWatchedNoMore) {
      changes[directory] = std::move(change);
    } else {
      changes.try_emplace(directory);
    }
  }
  by_us_.clear();
  return changes;
}

// False when there are no more.
bool DirectoryWatch::ReadEvents(Changes& changes) {
  auto size = store_.ReadChanges(watcher_.get(), buffer_);
  if (!size || *size == 0) return false;
  struct inotify_event event;
  for (size_t at = 0; at + sizeof event <= *size; at += sizeof event + event.len) {
    std::memcpy(&event, buffer_.data() + at, sizeof event);
    const auto* name = reinterpret_cast<const char*>(buffer_.data() + at + sizeof event);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      NoteOverflow(changes);
    } else {
      Note(event.wd, event.mask, event.len == 0 ? "" : name, changes);
    }
  }
  return *size > buffer_.size() / 2;
}

void DirectoryWatch::Note(int number, uint32_t what, const char* name, Changes& changes) {
  std::lock_guard lock(mutex_);
  const auto found = watched_.find(number);
  if (found == watched_.end()) return;
  const std::shared_ptr<Inode> directory = found->second.directory.lock();
  if ((what & IN_IGNORED) != 0) {  // it is gone
    if (directory != nullptr) directory->SetWatched(false);
    ages_.erase(found->second.age);
    watched_.erase(found);
    return;
  }
  if (directory == nullptr) return;  // forgotten: the kernel believes nothing of it
  Change& change = changes[directory];
  if (*name != '\0') change.names.insert(name);
}

void DirectoryWatch::NoteOverflow(Changes& changes) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, watched] : watched_) {
    const std::shared_ptr<Inode> directory = watched.directory.lock();
    if (directory != nullptr) changes[directory].extent = Change::Extent::kAnything;
  }
}

void DirectoryWatch::TellAll(const Changes& changes) {
  for (const auto& [directory, change] : changes) tell_(*directory, change);
}

}  // namespace recrypt
