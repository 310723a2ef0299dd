#include "fs/prefetch.h"

#include <dirent.h>
#include <fcntl.h>

#include "core/jcd/geometry.h"
#include "fs/directory_reader.h"
#include "fs/names.h"
#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr int64_t kShortlyAfterMs = 2000;
constexpr int64_t kListingLastsMs = 60'000;
constexpr size_t kMaxListing = 100'000;

}  // namespace

bool DirectoryPrefetch::Opened(ino_t number, size_t batch, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const bool shortly_after = now_ms - last_open_ms_ < kShortlyAfterMs;
  last_open_ms_ = now_ms;
  if (running_ || !shortly_after) return false;
  if (now_ms - listed_ms_ > kListingLastsMs) {
    documents_.clear();
    position_.clear();
    next_ = 0;
  } else {
    auto found = position_.find(number);
    // Half a batch ahead is enough; a document that the listing does not have says nothing.
    if (found == position_.end() || next_ >= documents_.size()) return false;
    if (found->second + batch / 2 < next_) return false;
    next_ = std::max(next_, found->second + 1);
  }
  running_ = true;
  return true;
}

bool DirectoryPrefetch::listed() const {
  std::lock_guard lock(mutex_);
  return !documents_.empty();
}

void DirectoryPrefetch::SetListing(std::vector<Document> documents, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  documents_ = std::move(documents);
  position_.clear();
  for (size_t i = 0; i < documents_.size(); ++i) position_.emplace(documents_[i].number, i);
  next_ = 0;
  listed_ms_ = now_ms;
}

std::vector<DirectoryPrefetch::Document> DirectoryPrefetch::NextBatch(size_t size) {
  std::lock_guard lock(mutex_);
  const size_t end = std::min(documents_.size(), next_ + size);
  std::vector<Document> batch(documents_.begin() + static_cast<std::ptrdiff_t>(next_),
                              documents_.begin() + static_cast<std::ptrdiff_t>(end));
  next_ = end;
  return batch;
}

void DirectoryPrefetch::Finished() {
  std::lock_guard lock(mutex_);
  running_ = false;
}

Prefetcher::Prefetcher(Store& store, Access& access, HeaderCache& headers, const Clock& clock)
    : store_(store), access_(access), headers_(headers), clock_(clock) {}

void Prefetcher::Opened(const std::shared_ptr<Inode>& directory, const Inode& document,
                        bool first_use) {
  std::shared_ptr<DirectoryPrefetch> state = directory->PrefetchState();
  const size_t batch = first_use ? DirectoryPrefetch::kGrants : DirectoryPrefetch::kFiles;
  if (!state->Opened(document.key().number, batch, clock_.MonotonicMillis())) return;
  const bool posted = thread_.Post([this, directory, state, first_use] {
    if (!state->listed()) state->SetListing(List(*directory), clock_.MonotonicMillis());
    if (first_use) {
      FetchGrants(*directory, *state);
    } else {
      FetchFiles(*directory, *state);
    }
    state->Finished();
  });
  if (!posted) state->Finished();
}

void Prefetcher::FetchFiles(Inode& directory, DirectoryPrefetch& state) {
  for (const DirectoryPrefetch::Document& document : state.NextBatch(DirectoryPrefetch::kFiles)) {
    (void)OpenStored(directory, document.stored_name);
  }
}

void Prefetcher::ReadTables(const std::shared_ptr<OpenDocument>& document) {
  (void)thread_.Post([document] { document->ReadTables(); });
}

void Prefetcher::FetchGrants(Inode& directory, DirectoryPrefetch& state) {
  std::vector<std::shared_ptr<const Header>> headers;
  for (const DirectoryPrefetch::Document& document : state.NextBatch(DirectoryPrefetch::kGrants)) {
    auto header = ReadHeader(directory, document.stored_name);
    if (header) headers.push_back(std::move(*header));
  }
  std::vector<const Header*> wanted;
  for (const auto& header : headers) wanted.push_back(header.get());
  // What is refused here is refused again, and explained, when somebody opens it.
  if (!wanted.empty()) (void)access_.OpenMany(wanted, GrantUse::kPrefetch);
}

std::vector<DirectoryPrefetch::Document> Prefetcher::List(Inode& directory) {
  std::vector<DirectoryPrefetch::Document> documents;
  auto fd = store_.OpenDirectory(directory.node());
  if (!fd) return documents;
  DirectoryReader reader(store_, std::move(*fd));
  while (documents.size() < kMaxListing) {
    auto entry = reader.Next();
    if (!entry || !*entry) break;
    const StoredEntry& stored = **entry;
    if (stored.type != DT_REG || !NameFromStored(stored.name, StoredKind::kDocument)) continue;
    documents.push_back({stored.number, stored.name});
  }
  return documents;
}

Result<UniqueFd> Prefetcher::OpenStored(Inode& directory, const std::string& stored_name) {
  RECRYPT_ASSIGN(UniqueFd node, store_.OpenNode(directory.node(), stored_name));
  RECRYPT_ASSIGN(struct stat st, store_.Stat(node.get()));
  if (!S_ISREG(st.st_mode)) return Fail(ErrorCode::kInvalid, "no regular file");
  return store_.OpenFile(node.get(), O_RDONLY);
}

Result<std::shared_ptr<const Header>> Prefetcher::ReadHeader(Inode& directory,
                                                             const std::string& stored_name) {
  RECRYPT_ASSIGN(UniqueFd fd, OpenStored(directory, stored_name));
  Bytes region(kHeaderRegion);
  RECRYPT_ASSIGN(size_t size, store_.ReadAt(fd.get(), 0, region));
  region.resize(size);
  return headers_.Parse(region);
}

}  // namespace recrypt
