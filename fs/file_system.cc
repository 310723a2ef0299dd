#include "fs/file_system.h"

#include <algorithm>
#include <future>

namespace recrypt {
namespace {

constexpr ptrdiff_t kSyncedOneByOne = 16;

}  // namespace

Result<std::unique_ptr<FileSystem>> FileSystem::Create(FileSystemOptions options, Store& store,
                                                       Access& access, const Clock& clock,
                                                       KernelCache& kernel, LogSink log) {
  RECRYPT_ASSIGN(struct stat st, store.Stat(store.root()));
  RECRYPT_ASSIGN(UniqueFd node, store.NodeOf(store.root()));
  auto root = std::make_shared<Inode>(std::move(node), Inode::Key{st.st_dev, st.st_ino, false},
                                      InodeKind::kDirectory);
  std::unique_ptr<FileSystem> fs(new FileSystem(std::move(options), store, access, clock, kernel,
                                                std::move(log), std::move(root)));
  auto loaded = fs->labels_.Load();
  if (!loaded) return Fail(std::move(loaded.error()));
  return fs;
}

FileSystem::FileSystem(FileSystemOptions options, Store& store, Access& access, const Clock& clock,
                       KernelCache& kernel, LogSink log, std::shared_ptr<Inode> root)
    : options_(std::move(options)),
      store_(store),
      access_(access),
      clock_(clock),
      kernel_(kernel),
      log_(std::move(log)),
      labels_(store, clock, options_.label, options_.verify_policy),
      names_(store, log_),
      services_{store,
                access,
                clock,
                freshness_,
                labels_,
                headers_,
                names_,
                *this,
                log_,
                options_.lock_wait_ms,
                options_.key_writes,
                {}},
      inodes_(std::move(root)),
      locks_(store),
      loaded_(options_.max_loaded),
      leases_(clock, kernel),
      write_back_(options_.max_unsettled,
                  [this](const auto& documents) {
                    ConfirmDurability(documents, clock_.MonotonicMillis());
                  }),
      commits_([this](const std::shared_ptr<OpenDocument>& document) {
        document->FinishCommit();
        Committed(document);
      }),
      prefetcher_(store, access, headers_, clock) {}

FileSystem::~FileSystem() = default;

void FileSystem::StopNotifying() {
  leases_.Stop();
  forgetter_.Stop();
  invalidations_.Stop();
}

void FileSystem::Shutdown() {
  commits_.Stop();
  StopNotifying();
  std::vector<std::shared_ptr<OpenDocument>> waiting = write_back_.Stop();
  auto settle = [this](OpenDocument& document) {
    Status settled = document.Settle();
    // Records that could not be applied are as good; whoever writes next applies them.
    if (!settled && settled.error().code != ErrorCode::kBusy) {
      log_(LogLevel::kError, "at unmounting: " + settled.error().message);
    }
  };
  for (const auto& document : waiting) settle(*document);
  for (const auto& inode : inodes_.WithDocuments()) {
    waiting.push_back(inode->document());
    settle(*waiting.back());
  }
  ConfirmDurability(waiting, INT64_MAX);
  access_.Stop();  // all is committed: what is still asked for, nobody waits for
  prefetcher_.Stop();
  std::lock_guard lock(kept_mutex_);
  kept_.clear();
}

// Of many documents it is quicker to sync the whole share than each by itself.
void FileSystem::ConfirmDurability(const std::vector<std::shared_ptr<OpenDocument>>& documents,
                                   int64_t made_before_ms) {
  const auto provisional = std::count_if(documents.begin(), documents.end(),
                                         [](const auto& each) { return each->IsProvisional(); });
  auto synced = OpenDocument::Synced::kNo;
  if (provisional > kSyncedOneByOne && store_.SyncShare()) {
    synced = OpenDocument::Synced::kWholeShare;
  }
  for (const auto& document : documents) {
    Status confirmed = document->ConfirmDurability(synced, made_before_ms);
    if (!confirmed) log_(LogLevel::kInfo, "a new document: " + confirmed.error().message);
  }
}

// By the thread that tells the kernel always: this one answers a request of the kernel's.
void FileSystem::InvalidateAndWait(const std::function<void()>& task) {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> ended = done->get_future();
  const bool posted = invalidations_.Post([task, done] {
    task();
    done->set_value();
  });
  if (posted) ended.wait();
}

void FileSystem::Lock() {
  std::vector<std::shared_ptr<OpenDocument>> documents = commits_.Waiting();
  {
    std::lock_guard lock(kept_mutex_);
    documents.insert(documents.end(), kept_.begin(), kept_.end());
  }
  for (const auto& inode : inodes_.WithDocuments()) documents.push_back(inode->document());
  InvalidateAndWait([this, &documents] {
    for (const auto& document : documents) kernel_.DropPages(document->inode_id());
    access_.Lock();
    for (const auto& document : documents) {
      document->EndLease();
      if (document->WipeKeys()) kernel_.DropPages(document->inode_id());
    }
  });
}

void FileSystem::HasWork(const std::shared_ptr<OpenDocument>& document) {
  write_back_.Add(document);
}

bool FileSystem::CommitSoon(const std::shared_ptr<OpenDocument>& document) {
  return commits_.Add(document);
}

void FileSystem::IsLoaded(const std::shared_ptr<OpenDocument>& document) { loaded_.Note(document); }

void FileSystem::IsReadAllOver(const std::shared_ptr<OpenDocument>& document) {
  prefetcher_.ReadTables(document);
}

void FileSystem::LeaseEnds(const std::shared_ptr<OpenDocument>& document, int64_t end_ms) {
  leases_.Watch(document, end_ms);
}

void FileSystem::PagesAreStale(uint64_t inode_id) {
  invalidations_.Post([this, inode_id] { kernel_.DropPages(inode_id); });
}

}  // namespace recrypt
