// LongNames: the sidecars that keep the plain names of what is stored under a hashed name
// (docs/FORMAT.md, 11).
//
//   RECRYPT_ASSIGN(auto kept, names.Keep(dir, name, stored));   // before `stored` is made
//   RECRYPT_ASSIGN(UniqueFd fd, store.CreateFile(dir, stored, 0644));
//   names.NameOf(dir, stored);                                  // name
//   names.Release(dir, stored);                                 // after `stored` was removed
//
// Every call returns at once, without asking the store, when `stored` is no hashed name. A sidecar
// is durable before what needs it is made, and goes only once the removal of that is durable: after
// a crash there may be one too many, which hurts nobody, and never one too few. Two mounts agree by
// locks on the sidecar: shared while something is being given its name, exclusive while it is
// removed. Thread safe.
#ifndef RECRYPT_FS_LONG_NAMES_H_
#define RECRYPT_FS_LONG_NAMES_H_

#include <cerrno>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fs/log.h"
#include "fs/store.h"

namespace recrypt {

// What a directory that holds something cannot be removed or replaced for.
inline bool IsNotEmpty(const Error& error) {
  const int number = ErrnoOf(error);
  return number == ENOTEMPTY || number == EEXIST;
}

class LongNames {
 public:
  LongNames(Store& store, LogSink log) : store_(store), log_(std::move(log)) {}

  // While it lives, nobody removes the sidecar. Empty where none is needed.
  using Kept = UniqueFd;
  // Sees to it that the sidecar of `stored` is there, and durable. kBusy when another mount does
  // not let go of it.
  Result<Kept> Keep(int dir, std::string_view name, const std::string& stored);
  // Removes the sidecar of `stored`, which was removed or renamed. It may stay behind.
  void Release(int dir, const std::string& stored);
  // Removes the sidecars from a directory that holds nothing else; false when it does.
  bool RemoveLeftovers(int dir);

  // The plain name of `stored`, a hashed name. nullopt, logged once for each, when the sidecar is
  // missing or says something else.
  Result<std::optional<std::string>> NameOf(int dir, const std::string& stored);
  // The plain name of a document by where it stands, relative to the root of the share.
  std::string NameOfPlace(std::string_view place);

 private:
  struct Sidecar {
    UniqueFd fd;
    std::string name;
  };
  // kNotFound when there is none that says the name of `stored`.
  Result<Sidecar> OpenSidecar(int dir, const std::string& stored, int flags);
  Status MakeSidecar(int dir, std::string_view name, const std::string& stored);
  Status RemoveSidecar(int dir, const std::string& stored);
  Status SyncDirectory(int dir);
  void LogMissing(const std::string& stored);

  Store& store_;
  const LogSink log_;
  std::mutex mutex_;  // guards logged_; innermost
  std::unordered_set<std::string> logged_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_LONG_NAMES_H_
