// OpenDocument: what a mount holds of one document while it is in use: its stored file, its keys,
// what is not committed yet, and the lock against other mounts.
//
//   RECRYPT_ASSIGN(auto opened, document->Open(OpenFor::kReading));   // one for each open(2)
//   RECRYPT_ASSIGN(size_t n, document->Read(offset, buffer));
//   document->Close();
//
// There is one for each inode, made when it is first opened. The decrypted side (core/jcd's
// Document) is there only as long as a lease on its keys lasts; a read or write after that asks for
// a grant again. It may also be dropped between two opens: then what was verified is remembered,
// and the kernel's cached pages stay good while the stored file is unchanged.
//
// Changes (DESIGN 6): the first takes the document's exclusive lock, and reads the document again
// when another mount changed it; a commit gives the lock back; records are applied later, off
// everybody's path, under the lock again.
//
// Thread safe. Reads run in parallel; changes are serialized. No method is called with a lock held
// that a FUSE request may wait for, and none calls into the kernel's side of the mount, so the
// kernel may be told to drop pages while any of them runs.
#ifndef RECRYPT_FS_OPEN_DOCUMENT_H_
#define RECRYPT_FS_OPEN_DOCUMENT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "client/access.h"
#include "core/base/clock.h"
#include "fs/directory_labels.h"
#include "fs/freshness.h"
#include "fs/header_cache.h"
#include "fs/log.h"
#include "fs/long_names.h"
#include "fs/share_file.h"
#include "fs/steady_times.h"
#include "fs/store.h"

namespace recrypt {

class OpenDocument;

// What an open document tells the rest of the mount. Called with the document's locks held: an
// implementation only takes note.
class DocumentEvents {
 public:
  virtual ~DocumentEvents() = default;
  // Its stored file and keys have been read: they take descriptors and memory.
  virtual void IsLoaded(const std::shared_ptr<OpenDocument>& document) = 0;
  // It has something to commit or to apply.
  virtual void HasWork(const std::shared_ptr<OpenDocument>& document) = 0;
  // It is closed and ready to be committed: somebody else calls FinishCommit within milliseconds.
  // False when too many wait for that.
  virtual bool CommitSoon(const std::shared_ptr<OpenDocument>& document) = 0;
  // ReadTables is worth a call.
  virtual void IsReadAllOver(const std::shared_ptr<OpenDocument>& document) = 0;
  // Its keys have to be gone at `end_ms` (Clock::MonotonicMillis).
  virtual void LeaseEnds(const std::shared_ptr<OpenDocument>& document, int64_t end_ms) = 0;
  // The kernel may hold pages of it that are not, or no longer, to be seen.
  virtual void PagesAreStale(uint64_t inode_id) = 0;
};

struct DocumentServices {
  Store& store;
  Access& access;
  const Clock& clock;
  FreshnessMemory& freshness;
  DirectoryLabels& labels;
  HeaderCache& headers;
  LongNames& names;
  DocumentEvents& events;
  LogSink log;
  int64_t lock_wait_ms = 8000;
  uint64_t key_writes = kNewKeyDue;  // block writes after which a document gets another data key
  std::atomic<uint64_t> dirty_bytes{0};  // of all documents, not committed
  // Held while much is committed or applied, which takes as much memory again: one at a time. After
  // writer_, before state_.
  std::mutex large_commit{};
};

enum class NameWas { kLookedUp, kLookedUpAgain };
enum class OpenFor { kReading, kWriting, kTruncating };
enum class WriteAt { kOffset, kEnd };
enum class SeekFor { kData, kHole };

class OpenDocument : public std::enable_shared_from_this<OpenDocument> {
 public:
  // A document commits by itself when kMaxDirtyBytes of its own, or so many of all, are in memory.
  static constexpr uint64_t kMaxDirtyBytesOfAll = uint64_t{16} << 20;

  OpenDocument(DocumentServices& services, std::shared_ptr<const UniqueFd> node, uint64_t inode_id);
  ~OpenDocument();

  struct Opened {
    bool keep_pages = false;  // what the kernel has cached of it is still good
    uint64_t epoch = 0;       // else, and once it has dropped that: for PagesAreOf
    bool loaded = false;      // it had to be read from the share
    bool first_use = false;   // a grant was asked for, or one fetched ahead is used now
    uint64_t size = 0;        // of the content now
    std::optional<struct timespec> modified = std::nullopt;  // of the file that was read
    // The stored file in which that size was found; length 0 while changes are not committed.
    uint64_t stored_length = 0;
    struct timespec stored_modified = {};
  };
  // Decides about access, as open(2) does; counts a handle when it succeeds.
  // ESTALE when the file has no name any more, unless the name has just been looked up again.
  Result<Opened> Open(OpenFor purpose, NameWas name = NameWas::kLookedUp);
  // An opening of that epoch was answered, and is in use: the kernel has done by now what the
  // answer said about its pages. Until then every other opening is told the same.
  void PagesAreOf(uint64_t epoch);
  // Begins the document in a stored file that has just been created; counts a handle. kExists when
  // another mount was quicker to write it: it is to be opened like any other.
  Status StartNew(UniqueFd fd, NewDocument fresh, std::string place);
  // One handle less. The last one commits what is left; a failure is logged.
  void Close();

  Result<size_t> Read(uint64_t offset, MutableByteSpan out);
  Status Write(uint64_t offset, ByteSpan data, WriteAt where);
  Status Truncate(uint64_t size);
  // Zeroes a range; `grow` extends the document to its end.
  enum class Beyond { kKeepSize, kGrow };
  Status Zero(uint64_t offset, uint64_t length, Beyond beyond);
  Result<uint64_t> Seek(uint64_t offset, SeekFor what);
  // As if it had no holes.
  Result<uint64_t> SeekInData(uint64_t offset, SeekFor what);
  // close(2): complete and visible to other mounts. Reports a failed write-back, once. A small new
  // document gets its room on the disk and is signed off the caller's path, some milliseconds
  // later: who opens it in another mount meanwhile waits for the lock.
  Status Flush();
  // fsync(2): durable.
  Status Sync();
  // Makes changes visible to other mounts, outside of close(2): the next Flush reports a failure.
  void CommitForOthers();
  // Looks whether another mount has changed the document since it was read here; if so, the next
  // read reads it anew. True when the kernel's pages may be stale.
  bool ForgetIfChanged();

  // Commits what is dirty, so that no later commit changes the time again, then sets the times of
  // the stored file.
  Status ChangeTimes(const struct timespec times[2]);

  // What stat(2) has to show while it is not committed.
  struct Uncommitted {
    uint64_t size;
    struct timespec modified;
  };
  std::optional<Uncommitted> uncommitted();
  // The size that was verified, for stat(2) to show: of a stored file with these attributes, and of
  // any while somebody has the document open; what another mount changed is verified first. Absent
  // where there is only the share's word.
  std::optional<uint64_t> VerifiedSize(const struct stat& stored);
  // Of the stored file, into what the document's are.
  void ShowTimes(struct stat& attributes) const { times_.Show(attributes); }

  // The document's own extended attributes, by their names without `user.`. Needs a grant, unless
  // it is known that there are none. kCorrupt when they are not those that its author has given it.
  Result<Attributes> GetAttributes();
  // Lets `edit`, which may be called more than once and may fail, change them; needs what writing
  // needs. They are committed at once, unless there are other changes to be committed with.
  using AttributesEdit = std::function<Status(Attributes&)>;
  enum class IfUnreadable { kFail, kForget };
  Status ChangeAttributes(const AttributesEdit& edit, IfUnreadable if_unreadable);
  bool HasChanges() const { return dirty_; }

  // For the mount's own extended attributes. Label needs no grant; Signer does.
  Result<std::string> Label();
  Result<std::string> Signer();
  // The label of a document whose signature by a known author verifies; nullopt when nobody known
  // vouches for it. Needs a grant.
  Result<std::optional<LabelExpression>> VouchedLabel();
  bool InUse();  // somebody has it open
  int64_t lease_end_ms() const { return lease_end_ms_; }
  uint64_t inode_id() const { return inode_id_; }
  // It was renamed: where it stands now, relative to the root of the share.
  void MovedTo(std::string place);

  // What is not committed yet, or not to be: the only one who knows of it is this object.
  bool has_changes() const { return dirty_; }
  // Closed, and about to be committed.
  bool commits_soon() const { return commits_soon_; }
  // Commits it, if that has not been done by now.
  void FinishCommit();

  // Reads what is needed to find blocks anywhere in it, ahead of who wants them.
  void ReadTables();

  // -- For the write-back thread.
  // Commits when dirty for longer than `age_ms`, applies records when idle; true when there is
  // still something to do.
  bool DoWork(int64_t age_ms);
  // Commits and applies all, as at unmounting.
  Status Settle();
  // A document that was made a while ago, and not synced since, is made durable, and this noted in
  // the stored file (core/jcd/provisional.h). `synced`: the caller has synced the whole share
  // since `made_before_ms` (Clock::MonotonicMillis); what was made later waits for its own turn.
  enum class Synced { kNo, kWholeShare };
  bool IsProvisional();
  Status ConfirmDurability(Synced synced, int64_t made_before_ms);
  // A name of it was removed: nothing is confirmed of what nobody finds any more.
  void NameIsGone();
  // Forgets file and keys if nobody has it open and nothing is left to do; true when it did.
  bool Drop();
  // The same for one that may be open: the next read or write loads it again. False when that
  // cannot be, or not now; does not wait.
  bool Rest();

  // -- For the lease keeper, in this order, with the kernel's pages dropped after each.
  // True when the lease is over: no new reads without another grant, dirty pages still come in.
  bool LeaseIsOver() const;
  void EndLease() { lease_end_ms_ = 0; }
  // Commits, then wipes the keys; false when the lease was renewed meanwhile.
  bool WipeKeys();

 private:
  enum class State {
    kClosed,  // nothing is loaded
    kEmpty,   // never committed, mostly of length 0: an empty document without author
    kLoaded,  // doc_ is there
  };
  // By what a change of the stored file is noticed.
  struct Stamp {
    uint64_t length = 0;
    struct timespec modified = {};
    ByteArray<64> tail = {};
    bool unlinked = false;  // not compared
    bool operator==(const Stamp& other) const;
  };

  // The lease of a document that was made here by one who may not read it: while it is open.
  static constexpr int64_t kUntilClosed = INT64_MAX;

  // open_document.cc
  int64_t Now() const { return services_.clock.MonotonicMillis(); }
  bool LeaseAlive() const { return Now() < lease_end_ms_; }
  bool Readable() const;                                             // requires state_ (shared)
  Result<Opened> OpenFresh(NameWas name = NameWas::kLookedUpAgain);  // requires writer_
  Status CheckMayWrite();                                            // requires writer_
  Status CheckName(NameWas name);                                    // requires writer_
  Result<Stamp> StampOfNamed(NameWas name);  // requires writer_, and state_ exclusively
  Status MakeReadable();
  template <typename Ask>
  auto ReadLoaded(Ask ask) -> decltype(ask());
  Status RefreshAfterDamage(const Error& damage);
  void SetLease(int64_t end_ms);
  Status RefreshPlace();                     // requires writer_
  Result<LabelExpression> DirectoryLabel();  // requires writer_

  // document_loading.cc; all require writer_, and state_ exclusively
  Status OpenFile();
  // Of the stored file as it is now on the share, or as this mount knows it.
  Result<Stamp> TakeStamp();
  Result<Stamp> KnownStamp();
  Result<bool> HasHeader();
  Status LoadHeaders();
  using Headers = std::vector<std::shared_ptr<const Header>>;
  Result<Headers> ReadHeaders();
  Result<Headers> ReadStoredHeaders();  // requires writer_ alone
  Status Load();
  // A file with room for a document and no header: another mount is about to commit it, or did not
  // come to that.
  enum class Unfinished { kIsMade, kIsEmpty };
  Status LoadOnce(Unfinished unfinished);
  Status LoadWith(std::shared_ptr<const Header> header);
  Status LoadEmpty(const Stamp& stamp);
  Status Renew();
  void SetDigest(const std::optional<Sha256Digest>& digest);
  // Something else than an opening has loaded it, maybe in another state than `before`.
  void DropPagesOf(const std::optional<Sha256Digest>& before);
  void PagesAreStale();
  void Unload();
  void UnloadAll();
  void SetStamp(std::optional<Stamp> stamp);
  void LoadChanged();  // requires writer_ alone

  // document_confirming.cc; all require writer_
  void IsProvisionalFromNow();
  Status ConfirmWhenDue();
  Status ConfirmLocked(Synced synced);
  Status ConfirmUnderLock(Synced synced);

  // document_changing.cc; all require writer_
  Status BeginChange();
  Status PrepareChange();
  Status RenewHeader();
  bool KeyIsUsedUp();
  Status MakeRoomForKey();
  void ChangeNothing();
  Status LockForChange();
  void Unlock();
  Status WaitForLock(LockKind kind);
  Status StartOver();
  Status StartOverLocked();
  Result<NewDocument> MakeFresh(const LabelExpression& expression);
  Result<LabelExpression> ExpressionForRestart();
  void Begin(NewDocument fresh);
  void NoteChange();
  void CountDirtyBytes(uint64_t now);

  // document_attributes.cc; all require writer_
  Status Refresh();
  Result<Attributes> LoadedAttributes();
  Status EditAttributes(const AttributesEdit& edit, IfUnreadable if_unreadable, int64_t modified);
  Status PutAttributes(const Attributes& attributes);
  Status SyncAttributes();
  void DropOldAttributes(Durability committed);
  Result<Attributes> AttributesToKeep();
  Status LoadForRestart();
  Result<Attributes> GiveUpAttributes(const Error& why);
  Status TakeAttributesAlong(const Attributes& attributes);

  // document_commit.cc; all require writer_
  std::unique_lock<std::mutex> TurnToCommit(uint64_t bytes);
  Status CommitLocked(Durability durability);
  Status CommitAndTell(Durability durability);
  Status ApplyLocked();
  Status ApplyUnderLock();
  bool MayCommitSoon() const;
  void CommitOrRetry();
  void CommitOrGiveUp();
  void NoteFailure(const Error& failure);
  void GiveUpChanges(const Error& why);
  void KeepBorn();
  void KeepRenewed();
  void SetModified(int64_t modified_ns);
  void KeepAccessed(const struct stat& before);
  void Restamp();

  DocumentServices& services_;
  const std::shared_ptr<const UniqueFd> node_;
  const uint64_t inode_id_;

  // Serializes opening, changing, committing and applying; before state_. May be held over calls
  // of the store, of Access, and while waiting for another mount.
  std::mutex writer_;
  // Guards the pointers below: shared for using them, exclusive for replacing them. Innermost but
  // for Document's own.
  std::shared_mutex state_;
  State phase_ = State::kClosed;
  std::shared_ptr<ShareFile> file_;
  std::unique_ptr<Document> doc_;
  std::shared_ptr<const Header> header_;

  // Guarded by writer_.
  // The state that was read or written last.
  struct Seen {
    DocumentId uid;
    uint64_t generation;
  };
  std::optional<Seen> seen_;
  std::string place_;                   // relative path on the share, as last known
  std::optional<Stamp> stamp_;          // of the stored file, as verified last
  std::optional<Sha256Digest> digest_;  // of its trailer then
  std::atomic<uint64_t> handles_{0};    // set under writer_
  // No commit yet: a crash leaves nothing to keep.
  struct Born {
    Bytes region;
    DocumentKeys keys;
  };
  std::optional<Born> born_;
  // The header that the next commit puts in place of header_.
  struct Renewed {
    SealedHeader header;
    DocumentKeys keys;
  };
  std::optional<Renewed> renewed_;
  // Sealed attributes may stand in the store that the committed trailer does not name.
  bool attributes_changed_ = false;
  std::optional<Sha256Digest> unnamed_attributes_;  // such that no trailer can name
  // Grows whenever pages that the kernel has by then may be of another state than is read here.
  uint64_t epoch_ = 0;
  bool first_use_ = false;      // of the grant that the keys came from, at the last load
  uint64_t counted_dirty_ = 0;  // of services_.dirty_bytes
  int64_t dirty_since_ms_ = 0;
  int64_t last_change_ms_ = 0;
  int64_t provisional_since_ms_ = 0;  // 0: it is not, or that is for others to confirm
  std::optional<Error> failed_write_back_;
  // Somebody was told that the present changes could not be written, and may have closed the file
  // upon that.
  bool told_ = false;
  int64_t failing_since_ms_ = 0;  // 0: the last commit did not fail
  std::optional<Error> refused_;  // the last renewal, and until when it is not asked again
  int64_t refused_until_ms_ = 0;

  // What stamp_ says, for stat(2), which does not wait for writer_.
  struct Verified {
    uint64_t length;
    struct timespec modified;
    uint64_t size;
  };
  std::mutex verified_mutex_;  // guards verified_; innermost
  std::optional<Verified> verified_;

  SteadyTimes times_;

  std::atomic<uint64_t> pages_epoch_{0};   // the kernel has no pages from before that epoch
  std::atomic<bool> locked_{false};        // the exclusive lock is held; set under writer_
  std::atomic<bool> dirty_{false};         // set under writer_
  std::atomic<bool> commits_soon_{false};  // likewise
  std::atomic<uint64_t> size_{0};          // of the content, while dirty_
  std::atomic<int64_t> modified_ns_{0};    // time of the last change, while dirty_
  std::atomic<bool> modified_shown_{false};
  std::atomic<int64_t> lease_end_ms_{0};
  std::atomic<int64_t> last_read_ms_{INT64_MIN / 2};
};

}  // namespace recrypt

#endif  // RECRYPT_FS_OPEN_DOCUMENT_H_
