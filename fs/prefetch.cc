#include "fs/prefetch.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>

#include "core/jcd/geometry.h"
#include "fs/directory_reader.h"
#include "fs/names.h"
#include "fs/open_document.h"

namespace recrypt {
namespace {

constexpr int64_t kShortlyAfterMs = 2000;
constexpr int64_t kListingLastsMs = 60'000;
constexpr size_t kMaxListing = 100'000;

using Documents = std::vector<DirectoryPrefetch::Document>;

// Whether `second` stands right behind `first`.
bool FollowsIn(const Documents& documents, ino_t first, ino_t second) {
  const auto is_pair = [&](const auto& a, const auto& b) {
    return a.number == first && b.number == second;
  };
  return std::adjacent_find(documents.begin(), documents.end(), is_pair) != documents.end();
}

// By name, if that is how these two were opened one after the other; as they are listed else.
Documents InOrderOfOpening(Documents listed, ino_t first, ino_t second) {
  if (FollowsIn(listed, first, second)) return listed;
  Documents sorted = listed;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.stored_name < b.stored_name; });
  return FollowsIn(sorted, first, second) ? sorted : listed;
}

}  // namespace

bool DirectoryPrefetch::Opened(ino_t number, PrefetchOf what, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const bool shortly_after = now_ms - last_open_ms_ < kShortlyAfterMs;
  last_open_ms_ = now_ms;
  last_opened_ = {number, last_opened_[0]};
  const bool is_listed = now_ms - listed_ms_ <= kListingLastsMs;
  // A document that the listing does not have says nothing.
  const auto found = places_.find(number);
  if (is_listed && found == places_.end()) return false;
  if (is_listed) MarkOpened(found->second);
  if (!shortly_after) return false;
  const int most = is_listed && what == PrefetchOf::kGrants ? kUnderWay : 1;
  if (under_way_ >= most || (is_listed && BatchSize(what) == 0)) return false;
  if (!is_listed) documents_.clear();
  ++under_way_;
  return true;
}

void DirectoryPrefetch::MarkOpened(size_t place) {
  State& state = states_[place];
  if (state == State::kFetched) --ahead_;
  if (state == State::kUntouched) --untouched_;
  state = State::kOpened;
}

bool DirectoryPrefetch::listed() const {
  std::lock_guard lock(mutex_);
  return !documents_.empty();
}

void DirectoryPrefetch::SetListing(std::vector<Document> documents, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  documents_ = InOrderOfOpening(std::move(documents), last_opened_[1], last_opened_[0]);
  states_.assign(documents_.size(), State::kUntouched);
  untouched_ = documents_.size();
  ahead_ = 0;
  next_ = 0;
  grants_ = kFirstGrants;
  listed_ms_ = now_ms;
  places_.clear();
  for (size_t i = 0; i < documents_.size(); ++i) places_.emplace(documents_[i].number, i);
  for (const ino_t number : last_opened_) {
    const auto found = places_.find(number);
    if (found == places_.end()) continue;
    MarkOpened(found->second);
    next_ = std::max(next_, found->second);
  }
}

// Of the next batch; 0 when there is none, or not yet room for all of it.
size_t DirectoryPrefetch::BatchSize(PrefetchOf what) const {
  const bool grants = what == PrefetchOf::kGrants;
  const size_t size = std::min(untouched_, grants ? grants_ : kFiles);
  return ahead_ + size <= (grants ? kGrantsAhead : kFilesAhead) ? size : 0;
}

std::vector<DirectoryPrefetch::Document> DirectoryPrefetch::NextBatch(PrefetchOf what) {
  std::lock_guard lock(mutex_);
  std::vector<Document> batch;
  const size_t size = BatchSize(what);
  for (; batch.size() < size; next_ = (next_ + 1) % documents_.size()) {
    if (states_[next_] != State::kUntouched) continue;
    states_[next_] = State::kFetched;
    batch.push_back(documents_[next_]);
  }
  untouched_ -= size;
  ahead_ += size;
  if (what == PrefetchOf::kGrants) grants_ = std::min(2 * grants_, kGrants);
  if (size == 0) --under_way_;
  return batch;
}

void DirectoryPrefetch::Abandoned() {
  std::lock_guard lock(mutex_);
  --under_way_;
}

Prefetcher::Prefetcher(Store& store, Access& access, HeaderCache& headers, const Clock& clock)
    : store_(store), access_(access), headers_(headers), clock_(clock) {}

void Prefetcher::Opened(const std::shared_ptr<Inode>& directory, const Inode& document,
                        bool first_use) {
  std::shared_ptr<DirectoryPrefetch> state = directory->PrefetchState();
  const PrefetchOf what = first_use ? PrefetchOf::kGrants : PrefetchOf::kFiles;
  if (!state->Opened(document.key().number, what, clock_.MonotonicMillis())) return;
  const bool posted = Post([this, directory, state, what] { Fetch(*directory, *state, what); });
  if (!posted) state->Abandoned();
}

void Prefetcher::ReadTables(const std::shared_ptr<OpenDocument>& document) {
  (void)Post([document] { document->ReadTables(); });
}

void Prefetcher::Stop() {
  for (TaskThread& thread : threads_) thread.Stop();
}

bool Prefetcher::Post(std::function<void()> task) {
  return threads_[turn_.fetch_add(1) % threads_.size()].Post(std::move(task));
}

void Prefetcher::Fetch(Inode& directory, DirectoryPrefetch& state, PrefetchOf what) {
  if (!state.listed()) state.SetListing(List(directory), clock_.MonotonicMillis());
  for (;;) {
    const Documents batch = state.NextBatch(what);
    if (batch.empty()) return;
    if (what == PrefetchOf::kGrants) {
      FetchGrants(directory, batch);
    } else {
      for (const auto& document : batch) (void)OpenStored(directory, document.stored_name);
    }
  }
}

void Prefetcher::FetchGrants(Inode& directory, const Documents& documents) {
  std::vector<std::shared_ptr<const Header>> headers;
  for (const DirectoryPrefetch::Document& document : documents) {
    auto header = ReadHeader(directory, document.stored_name);
    if (header) headers.push_back(std::move(*header));
  }
  std::vector<const Header*> wanted;
  for (const auto& header : headers) wanted.push_back(header.get());
  // What is refused here is refused again, and explained, when somebody opens it.
  if (!wanted.empty()) (void)access_.OpenMany(wanted, GrantUse::kPrefetch);
}

Documents Prefetcher::List(Inode& directory) {
  Documents documents;
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
