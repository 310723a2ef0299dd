// FileSystem: from names of the mount to what is on the share.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

constexpr int64_t kNamesBelievedMs = 1000;
constexpr size_t kForgetAtOnce = 4;

tl::unexpected<Error> NoSuchName() {
  return Fail(Error{ErrorCode::kNotFound, "no such name", ENOENT});
}

tl::unexpected<Error> NameIsTooLong() {
  return Fail(Error{ErrorCode::kInvalid, "the name is too long", ENAMETOOLONG});
}

// Whether what stands under the stored name of a document called `name` is what has that name.
bool HasTheName(std::string_view name, bool regular) { return regular || LooksStored(name); }

InodeKind KindOf(const struct stat& stat) {
  if (S_ISDIR(stat.st_mode)) return InodeKind::kDirectory;
  if (S_ISREG(stat.st_mode)) return InodeKind::kPlainFile;
  return InodeKind::kOther;
}

}  // namespace

bool FileSystem::IsHidden(const Inode& directory, std::string_view name) const {
  return &directory == inodes_.root().get() && name == kShareDirectory;
}

Result<FileSystem::Found> FileSystem::FoundAt(Inode& directory, std::string stored_name) {
  RECRYPT_ASSIGN(UniqueFd node, store_.OpenNode(directory.node(), stored_name));
  RECRYPT_ASSIGN(struct stat stat, store_.Stat(node.get()));
  return Found{std::move(node), stat, std::move(stored_name), KindOf(stat)};
}

Result<FileSystem::Found> FileSystem::Find(Inode& directory, const std::string& name) {
  if (IsHidden(directory, name)) return NoSuchName();
  if (name.size() > kMaxName) return NameIsTooLong();
  auto document = FoundAt(directory, StoredDocumentName(name));
  if (document && HasTheName(name, document->kind == InodeKind::kPlainFile)) {
    if (document->kind == InodeKind::kPlainFile) document->kind = InodeKind::kDocument;
    return document;
  }
  if (!document && document.error().code != ErrorCode::kNotFound) return document;
  if (IsHashedStem(name)) {
    auto nameless = FindNameless(directory, name);
    if (nameless || nameless.error().code != ErrorCode::kNotFound) return nameless;
  }
  auto other = FoundAt(directory, name);
  if (other && KeepsItsName(name, other->kind == InodeKind::kPlainFile)) return other;
  if (!other && other.error().code != ErrorCode::kNotFound) return other;
  return FindShadowed(directory, name);
}

// "jcd.name.<hash>": what is stored under a hashed name that nothing tells the plain name of.
Result<FileSystem::Found> FileSystem::FindNameless(Inode& directory, const std::string& name) {
  RECRYPT_ASSIGN(Found found, FoundAt(directory, name + std::string(kDocumentSuffix)));
  const bool regular = found.kind == InodeKind::kPlainFile;
  RECRYPT_ASSIGN(const auto named, NameOfHashed(directory, found.stored_name, regular));
  if (named) return NoSuchName();
  if (regular) found.kind = InodeKind::kDocument;
  return found;
}

// What the sidecar of a hashed name says; nullopt when it is of no use.
Result<std::optional<std::string>> FileSystem::NameOfHashed(Inode& directory,
                                                            const std::string& stored,
                                                            bool regular) {
  RECRYPT_ASSIGN(auto name, names_.NameOf(directory.node(), stored));
  if (name && !HasTheName(*name, regular)) name.reset();
  return name;
}

// "x (plain)": what stands as `x` beside the document `x.jcd`.
Result<FileSystem::Found> FileSystem::FindShadowed(Inode& directory, const std::string& name) {
  const auto unmarked = UnmarkedName(name);
  if (!unmarked || IsHidden(directory, *unmarked)) return NoSuchName();
  RECRYPT_ASSIGN(const bool shadowed, IsShadowed(directory, std::string(*unmarked)));
  if (!shadowed) return NoSuchName();
  RECRYPT_ASSIGN(Found found, FoundAt(directory, std::string(*unmarked)));
  const bool regular = found.kind == InodeKind::kPlainFile;
  if (!KeepsItsName(found.stored_name, regular)) return NoSuchName();
  return found;
}

// True when a document is called like what stands under its own name.
Result<bool> FileSystem::IsShadowed(Inode& directory, const std::string& name) {
  auto document = store_.StatAt(directory.node(), StoredDocumentName(name));
  if (!document && IsUnknown(document.error())) return Fail(std::move(document.error()));
  return document && HasTheName(name, S_ISREG(document->st_mode));
}

Result<Entry> FileSystem::Adopt(Inode& directory, Found found) {
  struct stat stat = found.stat;
  std::shared_ptr<Inode> inode = inodes_.Adopt(std::move(found.node), stat, found.kind);
  if (inode->is_document()) inode->SetParent(directory.shared_from_this());
  Status shown = ShowAttributes(*inode, stat);
  if (!shown) {
    inodes_.Forget(*inode, 1);
    return Fail(std::move(shown.error()));
  }
  return Entry{std::move(inode), stat};
}

void FileSystem::RefreshNames(Inode& directory, NamesAs wanted) {
  if (!store_.IsRemote()) return;
  const int64_t now = clock_.MonotonicMillis();
  if (wanted == NamesAs::kOfLately && now - directory.names_seen_ms() < kNamesBelievedMs) return;
  directory.SetNamesSeen(now);
  (void)store_.Revalidate(directory.node());  // else names are found as they are known
}

Result<Entry> FileSystem::Lookup(Inode& directory, const std::string& name) {
  RefreshNames(directory, NamesAs::kOfLately);
  auto found = Find(directory, name);
  if (!found && found.error().code == ErrorCode::kNotFound && store_.IsRemote()) {
    RefreshNames(directory, NamesAs::kOfNow);  // another mount may have made it
    found = Find(directory, name);
  }
  if (!found && found.error().os_error == EMFILE) AskToForget();
  if (!found) return Fail(std::move(found.error()));
  RECRYPT_ASSIGN(Entry entry, Adopt(directory, std::move(*found)));
  NoteKnown(*entry.inode, directory, name);
  return entry;
}

// Each inode that the kernel knows costs a descriptor and memory: of many it is asked to forget the
// oldest, before there are no more to be had. It takes the directory's lock for each, which who
// looks names up there holds too: beyond some more, looking up waits a little so that forgetting
// keeps pace.
void FileSystem::NoteKnown(Inode& inode, Inode& directory, const std::string& name) {
  inode.SetName(directory.shared_from_this(), name);
  const size_t known = inodes_.size();
  if (known <= options_.max_known) return;
  AskToForget();
  if (known > options_.max_known + options_.max_known / 4) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void FileSystem::AskToForget() {
  if (!forgetting_.exchange(true) && !forgetter_.Post([this] { ForgetOldest(); })) {
    forgetting_ = false;
  }
}

void FileSystem::ForgetOldest() {
  const size_t known = inodes_.size();
  const size_t keep = options_.max_known / 2;
  auto oldest = inodes_.Oldest(known - std::min(known, keep));
  std::atomic<size_t> next{0};
  const auto forget = [&] {
    for (size_t i; (i = next++) < oldest.size();) {
      const Inode::Name at = oldest[i]->name();
      oldest[i].reset();  // or it would stay until the last of them is forgotten
      if (at.directory != nullptr) kernel_.DropName(at.directory->id(), at.name);
    }
  };
  // Several stand in line for the directories' locks, as the programs do that make more known.
  std::vector<std::thread> more;
  try {
    while (more.size() + 1 < kForgetAtOnce) more.emplace_back(forget);
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are do it.
  }
  forget();
  for (std::thread& thread : more) thread.join();
  forgetting_ = false;
}

// A name can be taken by a document or by something else, which stand under different names on the
// share, so making the one does not by itself run into the other.
Status FileSystem::CheckFree(Inode& directory, const std::string& name) {
  if (IsHidden(directory, name)) {
    return Fail(ErrorCode::kForbidden, "the name is reserved for the share itself");
  }
  if (name.size() > kMaxName) return NameIsTooLong();
  RefreshNames(directory, NamesAs::kOfNow);
  auto other = store_.StatAt(directory.node(), name);
  // Whoever cannot see whether a name is taken must not take it a second time.
  if (!other && IsUnknown(other.error())) return Fail(std::move(other.error()));
  RECRYPT_ASSIGN(const bool shadowed, IsShadowed(directory, name));
  const bool taken = shadowed || (other && KeepsItsName(name, S_ISREG(other->st_mode)));
  if (taken) return Fail(Error{ErrorCode::kExists, "the name is taken", EEXIST});
  return {};
}

}  // namespace recrypt
