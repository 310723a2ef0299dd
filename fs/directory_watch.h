// DirectoryWatch: what others do to the directories of a local share, told as it happens.
//
//   DirectoryWatch watch(store, 4096, log, [&](const DirectoryWatch::Change& change) { ... });
//   const bool watched = watch.Watch(directory);    // before it is looked at
//   ...what was found in it may be believed until `change` says something else...
//
// Changes of this mount itself are told like any other: whoever is told looks what there is now.
// Each is told twice, at once and half a second later, since an answer from before may have been on
// its way to the kernel when it was told first. Names are those of the share. When there is nothing
// to tell by (inotify(7) gives out only so many watches), directories are not watched.
//
// A change is told by a thread of its own, in rounds, so that many at once are one. Thread safe.
#ifndef RECRYPT_FS_DIRECTORY_WATCH_H_
#define RECRYPT_FS_DIRECTORY_WATCH_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"
#include "fs/inode.h"
#include "fs/log.h"
#include "fs/store.h"

namespace recrypt {

class DirectoryWatch {
 public:
  // What happened to a directory since it was told last.
  struct Change {
    enum class Extent {
      kNames,            // to these names
      kAnything,         // more than could be told
      kIsWatchedNoMore,  // and from now on nothing is told of it
    };
    Extent extent = Extent::kNames;
    std::set<std::string> names;  // came, went, or what they lead to changed
  };
  using Tell = std::function<void(Inode& directory, const Change&)>;

  // `most`: directories that are watched at once; above it the one that was asked for longest ago
  // is watched no more.
  DirectoryWatch(Store& store, size_t most, LogSink log, Tell tell);
  ~DirectoryWatch();

  // From now on changes are told, if they were not before; false where that cannot be.
  bool Watch(Inode& directory);
  // Nothing is told any more, nor being told.
  void Stop();

 private:
  using Changes = std::map<std::shared_ptr<Inode>, Change>;
  struct Watched {
    std::weak_ptr<Inode> directory;
    std::list<int>::iterator age;
  };
  struct Later {
    int64_t at_ms;
    Changes changes;
  };

  bool Begin(Inode& directory);
  void DropOldest();
  void Run();
  void Round();
  Changes TakeChanges();
  bool ReadEvents(Changes& changes);
  void Note(int number, uint32_t what, const char* name, Changes& changes);
  void NoteOverflow(Changes& changes);
  void TellAll(const Changes& changes);
  int UntilLater() const;

  Store& store_;
  const size_t most_;
  const LogSink log_;
  const Tell tell_;
  UniqueFd watcher_;  // absent where nothing is told
  UniqueFd wake_;
  Bytes buffer_;             // of the thread's
  std::deque<Later> later_;  // of the thread's

  std::mutex mutex_;  // guards what follows; before Inode's
  std::unordered_map<int, Watched> watched_;
  std::list<int> ages_;  // oldest first
  Changes by_us_;        // begun or dropped since the last round
  bool stopped_ = false;
  std::condition_variable stop_;
  std::thread thread_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_DIRECTORY_WATCH_H_
