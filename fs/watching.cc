// FileSystem: what the kernel may believe for long, and is told when others change it.
#include <algorithm>

#include "fs/file_system.h"
#include "fs/names.h"

namespace recrypt {
namespace {

// The names of the mount that may lead elsewhere when something happens to a stored name.
std::vector<std::string> NamesBehind(const std::string& stored) {
  std::vector<std::string> names = {stored};
  for (const StoredKind kind : {StoredKind::kDocument, StoredKind::kOther}) {
    if (const auto name = NameFromStored(stored, kind)) names.emplace_back(*name);
  }
  const size_t unmarked = names.size();
  for (size_t i = 0; i < unmarked; ++i) names.push_back(names[i] + std::string(kPlainMark));
  return names;
}

bool IsOfHashedName(const std::string& stored) {
  return IsHashedName(stored) || IsSidecarName(stored);
}

}  // namespace

FileSystem::NamesAre FileSystem::Watch(Inode& directory) {
  return watch_.Watch(directory) ? NamesAre::kTold : NamesAre::kNotTold;
}

bool FileSystem::AttributesAreTold(Inode& inode) const {
  if (inode.is_directory()) return inode.is_watched();
  const std::shared_ptr<Inode> directory = inode.named_in();
  return directory != nullptr && directory->is_watched();
}

// By the watch's thread, which holds no lock.
void FileSystem::DirectoryHasChanged(Inode& directory, const DirectoryWatch::Change& change) {
  using Extent = DirectoryWatch::Change::Extent;
  const auto stat = store_.Stat(directory.node());
  const bool told_of_this =
      change.extent != Extent::kIsWatchedNoMore && stat && directory.WasToldOf(*stat);
  if (!told_of_this) kernel_.DropAttributes(directory.id());
  for (const std::string& name : NamesConcerned(directory, change)) {
    const std::shared_ptr<Inode> inode = directory.Believed(name);
    if (inode == nullptr) continue;
    if (change.extent == Extent::kIsWatchedNoMore) {
      TakeBackName(directory, name);
      kernel_.DropAttributes(inode->id());
    } else {
      Compare(directory, name, *inode);
    }
  }
}

std::vector<std::string> FileSystem::NamesConcerned(Inode& directory,
                                                    const DirectoryWatch::Change& change) {
  const bool all = change.extent != DirectoryWatch::Change::Extent::kNames ||
                   std::any_of(change.names.begin(), change.names.end(), IsOfHashedName);
  if (all) return directory.BelievedNames();
  std::vector<std::string> names;
  for (const std::string& stored : change.names) {
    for (std::string& name : NamesBehind(stored)) names.push_back(std::move(name));
  }
  return names;
}

// Takes back what the kernel believes of a name and of what it leads to, where that is not so.
void FileSystem::Compare(Inode& directory, const std::string& name, Inode& inode) {
  const auto found = FindStat(directory, name);
  const bool leads_there = found && found->first == inode.key();
  if (!leads_there) {
    TakeBackName(directory, name);
    inode.DropName(directory, name);  // nothing tells what happens to it where it is now
  }
  if (!leads_there || !inode.WasToldOf(found->second)) kernel_.DropAttributes(inode.id());
}

// What a name leads to; of a document by one look.
Result<std::pair<Inode::Key, struct stat>> FileSystem::FindStat(Inode& directory,
                                                                const std::string& name) {
  auto stat = store_.StatAt(directory.node(), StoredDocumentName(name));
  if (stat && S_ISREG(stat->st_mode) && !IsHidden(directory, name)) {
    return std::pair(Inode::Key{stat->st_dev, stat->st_ino, false}, *stat);
  }
  RECRYPT_ASSIGN(const Found found, Find(directory, name));
  return std::pair(found.key(), found.stat);
}

void FileSystem::TakeBackName(Inode& directory, const std::string& name) {
  (void)directory.Disbelieve(name);
  kernel_.ExpireName(directory.id(), name);
}

// The kernel goes on believing in what it has renamed.
void FileSystem::BelieveMoved(Inode& directory, const std::string& name,
                              const std::shared_ptr<Inode>& inode) {
  if (Watch(directory) == NamesAre::kTold) return directory.Believe(name, inode);
  if (store_.IsRemote()) return;  // where it does so for a second
  // It takes the directory, which is held for the rename.
  invalidations_.Post([this, id = directory.id(), name] { kernel_.ExpireName(id, name); });
}

}  // namespace recrypt
