// Inode: one file, directory or other thing of the share that the kernel knows; InodeTable: all.
//
//   std::shared_ptr<Inode> inode = table.Adopt(std::move(node), stat, InodeKind::kDocument);
//   ...the kernel refers to it by inode->id()...
//   table.Forget(*inode, 1);
//
// An inode is its O_PATH descriptor, never a path: it stays itself through renames, and two hard
// links are one inode. Adopt counts a look-up; the table keeps an inode while its count is above
// zero, and open files keep it too. Thread safe.
#ifndef RECRYPT_FS_INODE_H_
#define RECRYPT_FS_INODE_H_

#include <sys/stat.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/unique_fd.h"

namespace recrypt {

class OpenDocument;
class DirectoryPrefetch;

enum class InodeKind {
  kDirectory,
  kDocument,
  kPlainFile,  // a regular file that is no document: read-only
  kOther,      // symbolic links, FIFOs, sockets, devices
};

// Why the last operation on an inode was refused: what `recryptfs why` shows.
struct Refusal {
  std::string sentence;
  int64_t at = 0;  // seconds since 1970
};

class Inode : public std::enable_shared_from_this<Inode> {
 public:
  struct Key {
    dev_t device;
    ino_t number;
    bool plain;  // one stored file may bear both kinds of names, by hard links
    bool operator==(const Key&) const = default;
  };

  Inode(UniqueFd node, Key key, InodeKind kind);
  ~Inode();

  int node() const { return node_->get(); }
  const std::shared_ptr<const UniqueFd>& shared_node() const { return node_; }
  InodeKind kind() const { return kind_; }
  bool is_directory() const { return kind_ == InodeKind::kDirectory; }
  bool is_document() const { return kind_ == InodeKind::kDocument; }
  const Key& key() const { return key_; }
  // What the kernel calls it.
  uint64_t id() const { return is_root_ ? 1 : reinterpret_cast<uint64_t>(this); }

  // The document's state, once it has been opened; nullptr before.
  std::shared_ptr<OpenDocument> document() const;
  // As document(), made by `make` when there is none yet.
  template <typename Make>
  std::shared_ptr<OpenDocument> DocumentOr(Make make) {
    std::lock_guard lock(mutex_);
    if (document_ == nullptr) document_ = make();
    return document_;
  }

  void Remember(Refusal refusal);
  std::optional<Refusal> refusal() const;

  // The directory in which a document was looked up last.
  std::shared_ptr<Inode> parent() const;
  void SetParent(const std::shared_ptr<Inode>& parent);
  // By what name the kernel knows it: the last one that was looked up.
  struct Name {
    std::shared_ptr<Inode> directory;  // null when that is forgotten
    std::string name;
  };
  Name name() const;
  void SetName(const std::shared_ptr<Inode>& directory, std::string name);
  // Made through this mount, in that directory.
  bool WasCreatedIn(const Inode& directory) const;
  void SetCreatedIn(const Inode& directory);
  // Open files that may write, and so may have changed pages which only the kernel has yet.
  void CountWriters(int change) { writers_ += change; }
  bool HasWriters() const { return writers_ > 0; }

  // Of a directory: when its names were last asked of a remote store.
  int64_t names_seen_ms() const { return names_seen_ms_; }
  void SetNamesSeen(int64_t now_ms) { names_seen_ms_ = now_ms; }
  // What of a directory was asked for ahead (fs/prefetch.h).
  std::shared_ptr<DirectoryPrefetch> PrefetchState();

  // What the kernel was told last of a document's size, or has written.
  uint64_t shown_size() const { return shown_size_; }
  void ShowSize(uint64_t size) {
    shown_size_ = size;
    Raise(believed_size_, size);
  }
  void ShowGrowth(uint64_t size) {
    Raise(shown_size_, size);
    Raise(believed_size_, size);
  }
  // The largest size that the kernel may still go by: an answer that crosses with a notice, or with
  // another answer, is lost on it.
  uint64_t believed_size() const { return believed_size_; }
  // It has cut its pages at this size, or has just asked for it once more.
  void SettleSize(uint64_t size) {
    shown_size_ = size;
    believed_size_ = size;
  }

  // The time of modification that it was told.
  bool HasShownModified(const struct timespec& time) const {
    return shown_modified_ == Nanos(time);
  }
  void ShowModified(const struct timespec& time) { shown_modified_ = Nanos(time); }

  // The content size of a stored file whose length alone does not tell it, for one (length, mtime).
  struct KnownSize {
    off_t stored_length;
    struct timespec mtime;
    uint64_t size;
  };
  std::optional<uint64_t> KnownContentSize(const struct stat& stored) const;
  void RememberContentSize(const struct stat& stored, uint64_t size);

 private:
  friend class InodeTable;

  static void Raise(std::atomic<uint64_t>& value, uint64_t least) {
    uint64_t now = value;
    while (now < least && !value.compare_exchange_weak(now, least)) {
    }
  }
  static int64_t Nanos(const struct timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }

  const std::shared_ptr<const UniqueFd>
      node_;  // shared with the open document, which may live longer
  const Key key_;
  const InodeKind kind_;
  bool is_root_ = false;  // set before the inode is shared
  std::atomic<uint64_t> shown_size_{0};
  std::atomic<uint64_t> believed_size_{0};
  std::atomic<int64_t> shown_modified_{0};  // nanoseconds
  std::atomic<int> writers_{0};
  std::atomic<int64_t> names_seen_ms_{INT64_MIN / 2};
  uint64_t lookups_ = 0;  // guarded by InodeTable::mutex_
  uint64_t used_ = 0;     // when it was looked up last, counted in look-ups; likewise

  mutable std::mutex mutex_;  // guards what follows; innermost: nothing is called under it
  std::shared_ptr<OpenDocument> document_;
  std::optional<Refusal> refusal_;
  std::weak_ptr<Inode> parent_;
  std::weak_ptr<Inode> named_in_;
  std::string name_;
  std::optional<Key> created_in_;
  std::shared_ptr<DirectoryPrefetch> prefetch_;
  std::optional<KnownSize> known_size_;
};

class InodeTable {
 public:
  // `root` is never forgotten.
  explicit InodeTable(std::shared_ptr<Inode> root);

  const std::shared_ptr<Inode>& root() const { return root_; }
  // By what the kernel calls it, while its look-up count is above zero.
  Inode& FromId(uint64_t id) const { return id == 1 ? *root_ : *reinterpret_cast<Inode*>(id); }
  // The inode for a node: the one that is known already, or a new one. Counts one look-up.
  std::shared_ptr<Inode> Adopt(UniqueFd node, const struct stat& stat, InodeKind kind);
  // Takes `count` look-ups back; may delete the inode. One whose document has changes that are not
  // committed stays, so that whoever looks it up again finds them.
  void Forget(Inode& inode, uint64_t count);
  // Deletes those that stayed only for their changes, as far as these are committed.
  void ForgetCommitted();
  // The inode of that key if it is known; counts nothing.
  std::shared_ptr<Inode> Peek(const Inode::Key& key) const;
  size_t size() const;
  // Of those that nobody has open, the `count` that were looked up longest ago; they count as
  // looked up now. Directories come last: one that is forgotten is no working directory any more.
  std::vector<std::shared_ptr<Inode>> Oldest(size_t count);
  // Every inode that has a document state.
  std::vector<std::shared_ptr<Inode>> WithDocuments() const;

 private:
  struct KeyHash {
    size_t operator()(const Inode::Key& key) const {
      return std::hash<uint64_t>()(key.number * 0x9E3779B97F4A7C15u ^ key.device ^
                                   static_cast<uint64_t>(key.plain));
    }
  };

  using Forgotten = std::vector<std::shared_ptr<Inode>>;
  Forgotten TakeForgotten();  // requires mutex_
  void KeepRefusal(const Inode& inode);
  void GiveRefusalBack(Inode& inode);

  const std::shared_ptr<Inode> root_;
  mutable std::mutex mutex_;  // guards what follows and every lookups_; before Inode::mutex_
  std::unordered_map<Inode::Key, std::shared_ptr<Inode>, KeyHash> inodes_;
  uint64_t clock_ = 0;   // look-ups so far
  Forgotten forgotten_;  // no look-ups are counted, but there are changes
  // The kernel forgets an inode when it likes, a person asks why later: the last refusals of those
  // that are forgotten, oldest first.
  static constexpr size_t kKeptRefusals = 256;
  std::deque<std::pair<Inode::Key, Refusal>> refusals_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_INODE_H_
