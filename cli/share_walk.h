// ShareWalk: the files of a share, or of a part of it, in order of their names.
//
//   ShareWalk walk(root);
//   RECRYPT_TRY(walk.Run([](const ShareFile& file) { … return Status(); }));
//
// Holds the names of the directories on the way alone. Symbolic links are not followed, and other
// file systems below are not left out. Not thread safe.
#ifndef RECRYPT_CLI_SHARE_WALK_H_
#define RECRYPT_CLI_SHARE_WALK_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

enum class ShareFileKind {
  kDocument,           // named *.jcd
  kTemporary,          // by its name, what a command that did not finish left behind
  kTemporaryDocument,  // likewise a save
  kShareFiles,         // .recryptfs: the share's own
  kUnnamed,   // of a hashed name, without its sidecar; if a regular file, shown as a document too
  kUnneeded,  // a sidecar that nothing needs
  kPlain,     // any other regular file
  // With WalkOver::kEverything alone:
  kDirectory,  // before what lies in it
  kLink,       // a symbolic one
  kSpecial,    // FIFOs, sockets, devices
};

struct ShareFile {
  ShareFileKind kind;
  std::string path;
  struct stat info {};
};

enum class WalkOver {
  kFiles,       // regular ones, and of those that have several names one
  kEverything,  // and every name of them
};

// What a regular file of this name is; a sidecar is taken for one that nothing needs.
ShareFileKind KindByName(std::string_view name);

class ShareWalk {
 public:
  using Visit = std::function<Status(const ShareFile&)>;
  // A directory that cannot be read; the walk goes on.
  using Unreadable = std::function<void(const std::string& path, const Error& error)>;

  ShareWalk(Visit visit, Unreadable unreadable, WalkOver over = WalkOver::kFiles)
      : visit_(std::move(visit)), unreadable_(std::move(unreadable)), over_(over) {}

  // Ends with the first failure of `visit`. A directory or a regular file, which is then taken for
  // a document whatever its name. `path` itself is not shown when it is a directory.
  Status Run(const std::string& path);

 private:
  Status Directory(const std::string& path, int depth);
  Status Entry(const std::string& path, const struct stat& info, int depth);
  Status CheckName(const std::string& path, const struct stat& info);
  bool IsFirstName(dev_t device, ino_t inode, nlink_t names);

  const Visit visit_;
  const Unreadable unreadable_;
  const WalkOver over_;
  std::set<std::pair<dev_t, ino_t>> seen_;  // of those with several names
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_SHARE_WALK_H_
