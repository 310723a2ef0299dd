// FileSystem: the operations of a mount, without FUSE: fs/fuse_session.cc puts the kernel in front,
// tests may call it as it is.
//
//   RECRYPT_ASSIGN(auto fs, FileSystem::Create(options, store, access, clock, kernel, log));
//   RECRYPT_ASSIGN(Entry entry, fs->Lookup(fs->root(), "report.odt"));
//   RECRYPT_ASSIGN(auto opened, fs->Open(*entry.inode, O_RDONLY));
//   RECRYPT_ASSIGN(size_t n, fs->Read(*opened.file, 0, buffer));
//
// Names and attributes are those of the mount (fs/names.h says how they map to the share's).
// Functions that return an Entry count one look-up of its inode, to be given back with Forget.
// Errors become errno by ErrnoOf; refusals are remembered for `user.jcd.why`. Thread safe.
#ifndef RECRYPT_FS_FILE_SYSTEM_H_
#define RECRYPT_FS_FILE_SYSTEM_H_

#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "fs/commit_queue.h"
#include "fs/directory_labels.h"
#include "fs/directory_reader.h"
#include "fs/freshness.h"
#include "fs/inode.h"
#include "fs/kernel_cache.h"
#include "fs/lease_keeper.h"
#include "fs/loaded_documents.h"
#include "fs/log.h"
#include "fs/long_names.h"
#include "fs/names.h"
#include "fs/open_document.h"
#include "fs/prefetch.h"
#include "fs/stale_opens.h"
#include "fs/store.h"
#include "fs/user_locks.h"
#include "fs/write_back.h"

namespace recrypt {

struct FileSystemOptions {
  std::optional<LabelExpression> label;  // for new files where the share's policy has none
  PolicyVerifier verify_policy;
  // For another mount's lock, before EBUSY: longer than a writer that rests keeps its changes.
  int64_t lock_wait_ms = WriteBack::kMaxAgeMs + 3000;
  // Block writes under one data key of a document, before it gets another one.
  uint64_t key_writes = kNewKeyDue;
  // Inodes that the kernel knows; above it the kernel is asked to forget half of them.
  size_t max_known = 12'000;
  // Documents that are loaded at once; more than that may be open.
  size_t max_loaded = 2'000;
  // Documents that wait to be committed or durable; above it they do not wait any longer.
  size_t max_unsettled = 2'000;
  // Files are given to the caller that makes them, as a mount by root for several users needs.
  bool own_by_caller = false;
};

struct Entry {
  std::shared_ptr<Inode> inode;
  struct stat attributes;
};

// Who makes or opens something, the bits that are taken off the mode, and the thread that asks,
// where it is known.
struct Caller {
  Owner owner = {0, 0};
  mode_t umask = 0;
  pid_t thread = 0;
  bool drops_set_id = false;  // by truncating
};

// An open(2).
struct OpenFile {
  OpenFile(std::shared_ptr<Inode> its_inode, std::shared_ptr<OpenDocument> its_document,
           UniqueFd its_plain, int its_flags);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  bool MayWrite() const;

  const std::shared_ptr<Inode> inode;
  const std::shared_ptr<OpenDocument> document;  // null for a plain file
  const UniqueFd plain;
  const int flags;
  uint64_t epoch = 0;  // for OpenDocument::PagesAreOf, as soon as the kernel uses it
};

// An opendir(3). One call at a time for each.
struct OpenDirectory {
  std::shared_ptr<Inode> inode;
  DirectoryReader reader;
};

// What setattr may change; absent members stay as they are.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<uint64_t> size;
  std::optional<struct timespec> accessed;  // tv_nsec may be UTIME_NOW
  std::optional<struct timespec> modified;
};

class FileSystem : private DocumentEvents {
 public:
  // Fails when the share's policy cannot be believed. What is passed by reference has to outlive
  // the file system.
  static Result<std::unique_ptr<FileSystem>> Create(FileSystemOptions options, Store& store,
                                                    Access& access, const Clock& clock,
                                                    KernelCache& kernel, LogSink log);
  ~FileSystem() override;
  // Asks nothing of the kernel's cache any more, and waits for what was asked; called while
  // requests are still served, since the kernel may need an answer to them first.
  void StopNotifying();
  // Commits and applies everything and ends the threads. Called once, when no operation runs.
  void Shutdown();
  // Commits everything and takes keys, grants and cached plaintext away at once (`recryptfs lock`).
  void Lock();

  Inode& root() { return *inodes_.root(); }
  // True when what is listed had better not become known as well.
  bool KnowsMany() const { return inodes_.size() > options_.max_known; }
  Inode& FromId(uint64_t id) { return inodes_.FromId(id); }

  // -- Names and attributes (lookup.cc, attributes.cc).
  Result<Entry> Lookup(Inode& directory, const std::string& name);
  void Forget(Inode& inode, uint64_t count) { inodes_.Forget(inode, count); }
  Result<struct stat> GetAttributes(Inode& inode);
  // `file` is the open file through which it is done, if any.
  Result<struct stat> SetAttributes(Inode& inode, const AttributeChange& change,
                                    const OpenFile* file);
  Result<std::string> ReadLink(Inode& inode) { return store_.ReadLink(inode.node()); }
  Status CheckAccess(Inode& inode, int mask);
  Result<struct statvfs> StatFs(Inode& inode);

  // -- Directories (directories.cc).
  Result<std::unique_ptr<OpenDirectory>> OpenDir(Inode& directory);
  // The next entry as the mount shows it; nullopt at the end. `next` is the position behind it.
  struct ShownEntry {
    std::string name;
    ino_t number = 0;
    mode_t type = 0;  // S_IFMT
    int64_t next = 0;
  };
  Result<std::optional<ShownEntry>> ReadDir(OpenDirectory& directory);
  Status SyncDir(OpenDirectory& directory) { return store_.SyncDirectory(directory.reader.fd()); }

  // -- The name space (namespace.cc, rename.cc).
  Result<Entry> MakeDirectory(Inode& parent, const std::string& name, mode_t mode,
                              const Caller& caller);
  // A regular file becomes an empty document.
  Result<Entry> MakeNode(Inode& parent, const std::string& name, mode_t mode, dev_t device,
                         const Caller& caller);
  Result<Entry> MakeSymlink(Inode& parent, const std::string& name, const std::string& target,
                            const Caller& caller);
  Result<Entry> Link(Inode& inode, Inode& parent, const std::string& name);
  Status Unlink(Inode& parent, const std::string& name);
  Status RemoveDirectory(Inode& parent, const std::string& name);
  // `flags` as in renameat2(2).
  Status Rename(Inode& from, const std::string& name, Inode& to, const std::string& new_name,
                unsigned flags);

  // -- Open files (files.cc). `flags` as in open(2).
  struct Opened {
    std::unique_ptr<OpenFile> file;
    bool keep_pages = false;
  };
  Result<Opened> Open(Inode& inode, int flags, const Caller& caller = {});
  // A name was looked up for that thread, and not found.
  void FoundNothing(pid_t thread) { (void)stale_opens_.Take(thread); }
  struct Created {
    Entry entry;
    std::unique_ptr<OpenFile> file;
  };
  Result<Created> CreateFile(Inode& parent, const std::string& name, mode_t mode, int flags,
                             const Caller& caller);
  void Close(OpenFile& file);
  // What somebody without privileges changes loses set-user-ID, and set-group-ID where its group
  // may execute it.
  Status ClearSetId(Inode& inode);
  Result<size_t> Read(OpenFile& file, uint64_t offset, MutableByteSpan out);
  Status Write(OpenFile& file, uint64_t offset, ByteSpan data, WriteAt where);
  Status Flush(OpenFile& file);
  Status Sync(OpenFile& file);
  Status Allocate(OpenFile& file, int mode, uint64_t offset, uint64_t length);
  Result<uint64_t> Seek(OpenFile& file, uint64_t offset, SeekFor what);

  // -- Locks of programs (locks.cc). Taking one does not wait: kBusy.
  Status TakeLock(OpenFile& file, LockOwner owner, const RangeLock& lock);
  Status ReleaseLock(OpenFile& file, LockOwner owner, uint64_t first, uint64_t last);
  Result<std::optional<RangeLock>> FindLock(OpenFile& file, LockOwner owner,
                                            const RangeLock& wanted);
  void ReleaseLocks(OpenFile& file, LockOwner owner);
  bool HasLocks(const Inode& inode) const { return locks_.HasAny(inode); }

  // -- Extended attributes (xattr.cc). `size` 0 asks for the size alone.
  Result<size_t> GetXattr(Inode& inode, const std::string& name, void* value, size_t size);
  Result<size_t> ListXattr(Inode& inode, char* list, size_t size);
  Status SetXattr(Inode& inode, const std::string& name, ByteSpan value, int flags);
  Status RemoveXattr(Inode& inode, const std::string& name);

 private:
  // Where a name of the mount leads on the share.
  struct Found {
    UniqueFd node;
    struct stat stat;
    std::string stored_name;
    InodeKind kind;

    StoredKind stored_as() const {
      return kind == InodeKind::kDocument ? StoredKind::kDocument : StoredKind::kOther;
    }
    Inode::Key key() const { return {stat.st_dev, stat.st_ino, kind == InodeKind::kPlainFile}; }
  };

  // A rename(2) that is being carried out.
  struct Move {
    Inode& from;
    Inode& to;
    std::string name;
    Found source;
    std::string new_name;
    std::optional<Found> target;
    std::string new_stored_name;

    // What is replaced stands under another name on the share.
    bool LeavesTarget() const { return target && target->stored_name != new_stored_name; }
    bool MovesDirectory() const { return source.kind == InodeKind::kDirectory; }
    bool MovesDocument() const { return source.kind == InodeKind::kDocument; }
  };

  FileSystem(FileSystemOptions options, Store& store, Access& access, const Clock& clock,
             KernelCache& kernel, LogSink log, std::shared_ptr<Inode> root);

  // DocumentEvents
  void IsLoaded(const std::shared_ptr<OpenDocument>& document) override;
  void HasWork(const std::shared_ptr<OpenDocument>& document) override;
  bool CommitSoon(const std::shared_ptr<OpenDocument>& document) override;
  void IsReadAllOver(const std::shared_ptr<OpenDocument>& document) override;
  void LeaseEnds(const std::shared_ptr<OpenDocument>& document, int64_t end_ms) override;
  void PagesAreStale(uint64_t inode_id) override;

  // lookup.cc
  void NoteKnown(Inode& inode, Inode& directory, const std::string& name);
  void AskToForget();
  void ForgetOldest();
  Result<Found> Find(Inode& directory, const std::string& name);
  Result<Found> FindNameless(Inode& directory, const std::string& name);
  Result<Found> FindShadowed(Inode& directory, const std::string& name);
  Result<bool> IsShadowed(Inode& directory, const std::string& name);
  Result<std::optional<std::string>> NameOfHashed(Inode& directory, const std::string& stored,
                                                  bool regular);
  Result<Found> FoundAt(Inode& directory, std::string stored_name);
  bool IsHidden(const Inode& directory, std::string_view name) const;
  Result<Entry> Adopt(Inode& directory, Found found);
  // What others did to the names in a directory of a remote store is seen from now on, or was not
  // longer ago than the kernel believes names anyway.
  enum class NamesAs { kOfNow, kOfLately };
  void RefreshNames(Inode& directory, NamesAs wanted);
  Status CheckFree(Inode& directory, const std::string& name);

  // attributes.cc
  Status ShowAttributes(Inode& inode, struct stat& attributes);
  Result<uint64_t> CommittedSize(Inode& inode, const struct stat& stored);
  Status SetSize(Inode& inode, uint64_t size, const OpenFile* file);
  Status SetTimes(Inode& inode, const AttributeChange& change);

  // directories.cc
  Result<std::optional<std::string>> ShownName(Inode& directory, const std::string& stored,
                                               bool regular);

  // namespace.cc
  // Sees to the name of something that is no document, and makes it by `make(stored name, mode)`.
  template <typename Make>
  Result<Entry> MakeOther(Inode& parent, const std::string& name, mode_t mode, const Caller& caller,
                          Make make);
  mode_t ModeFor(Inode& parent, mode_t mode, const Caller& caller);
  Status GiveTo(Inode& parent, int node, mode_t mode, Owner caller);
  Result<std::string> PathOf(Inode& directory, std::string_view name);

  // relabel.cc
  Result<std::optional<LabelExpression>> LabelToTake(const Move& move);
  Status ReplaceUnderLabel(const Move& move, const LabelExpression& label);
  Status CopyUnderLabel(Inode& source, UniqueFd to, NewDocument fresh, const std::string& place);

  // rename.cc
  Result<Move> PlanMove(Inode& from, const std::string& name, Inode& to,
                        const std::string& new_name);
  static std::string NameInPlaceOf(const Found& moved, const Found* there, const std::string& name);
  Status CarryOut(const Move& move, unsigned flags);
  Status RenameOnStore(const Move& move, unsigned flags);
  Status CheckMove(const Move& move, unsigned flags);
  Status PrepareReplacement(const Move& move);
  void AfterMove(const Move& move, unsigned flags);

  // files.cc
  Result<Created> CreateNew(Inode& parent, const std::string& name, mode_t mode, int flags,
                            const Caller& caller);
  std::shared_ptr<OpenDocument> DocumentOf(Inode& inode);
  static void RememberSize(Inode& inode, const OpenDocument::Opened& opened);
  Status MakeRoomToOpen(Inode& inode);
  Result<Opened> OpenPlain(Inode& inode, int flags);
  Result<Entry> BeginFile(Inode& parent, const std::string& path, UniqueFd fd, NewDocument fresh,
                          mode_t mode, Owner caller);
  void InvalidateAndWait(const std::function<void()>& task);
  void ConfirmDurability(const std::vector<std::shared_ptr<OpenDocument>>& documents,
                         int64_t made_before_ms);
  void KeepForLater(const std::shared_ptr<OpenDocument>& document);
  // By somebody else than who had it open.
  void Committed(const std::shared_ptr<OpenDocument>& document);
  // A name of the document is gone: it is not kept open when it was the last.
  void LetGo(const Inode::Key& key);
  // Remembers why, for `user.jcd.why`, when the error is a refusal.
  void NoteRefusal(Inode& inode, const Error& error);
  template <typename R>
  R Explain(Inode& inode, R result) {
    if (!result) NoteRefusal(inode, result.error());
    return result;
  }

  // xattr.cc
  std::string StatusText();
  Result<std::string> VirtualXattr(Inode& inode, std::string_view name);
  Result<Attributes> SealedAttributesOf(Inode& inode);
  Status ChangeSealedAttributes(Inode& inode, const OpenDocument::AttributesEdit& edit,
                                OpenDocument::IfUnreadable if_unreadable);

  const FileSystemOptions options_;
  Store& store_;
  Access& access_;
  const Clock& clock_;
  KernelCache& kernel_;
  const LogSink log_;
  FreshnessMemory freshness_;
  HeaderCache headers_;
  DirectoryLabels labels_;
  LongNames names_;
  DocumentServices services_;
  InodeTable inodes_;
  UserLocks locks_;

  StaleOpens stale_opens_;

  static constexpr int kMaxFetchingPages = 4;
  std::atomic<int> fetching_pages_{0};  // calls of Seek that do

  // Documents that nobody has open, most recent first: kept loaded for the next open.
  static constexpr size_t kKeptDocuments = 64;
  std::mutex kept_mutex_;  // guards kept_; before OpenDocument's
  std::list<std::shared_ptr<OpenDocument>> kept_;

  LoadedDocuments loaded_;
  std::atomic<bool> forgetting_{false};  // the kernel is being asked to forget

  // Threads; they end first.
  TaskThread invalidations_;
  TaskThread forgetter_;
  LeaseKeeper leases_;
  WriteBack write_back_;
  CommitQueue commits_;
  Prefetcher prefetcher_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FILE_SYSTEM_H_
