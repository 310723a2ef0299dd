// Adopting plain files: each becomes a document beside itself, which is decrypted again and
// compared, and once it is durable the plain file goes.
//
//   Adopter adopter({access.get(), &clock, label, KeepName});
//   adopter.Run(files, [&](const Adopted& one) { … });
//
// Whoever is killed, or loses power, leaves each file as it was, as a document, or as both, of
// which the next run finds that they are the same and goes on. What changes meanwhile, or is open
// for writing, stays plain. Many files at a time, with one request for their grants and syncs in
// common. Thread safe.
#ifndef RECRYPT_CLIENT_ADOPT_H_
#define RECRYPT_CLIENT_ADOPT_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/document_files.h"

namespace recrypt {

// How a new document is opened to be compared.
enum class OpenAgainBy {
  kGrant,    // as any member does
  kOwnKeys,  // by the keys that it was made with: for a drop box
};

struct AdoptSpec {
  Access* access = nullptr;      // never null
  const Clock* clock = nullptr;  // never null
  LabelExpression label;
  // Sees to it that the plain name of a hashed one is kept beside it (docs/FORMAT.md, 11); held
  // until the stored name is there.
  std::function<Result<UniqueFd>(const std::string& stored, std::string_view name)> keep_name;
  OpenAgainBy open_again = OpenAgainBy::kGrant;
  // Bytes of work done since the last call, two for each byte of content: encrypted, compared. From
  // several threads at once; may be empty.
  std::function<void(uint64_t)> progress = {};
  int64_t lock_wait_ms = 6000;
};

// One file, by all its names; those of a hard link become those of the document. Absolute paths
// without symbolic links; `plain` and `stored` lie in the same directory.
struct AdoptFile {
  struct Name {
    std::string plain;   // path
    std::string stored;  // path of its document
  };
  std::vector<Name> names;  // at least one
};

struct Adopted {
  std::string path;              // its first name
  std::optional<Error> failure;  // it stays plain
  uint64_t size = 0;
  bool was_begun = false;  // an earlier run had made the document
  OwnerKept owner = OwnerKept::kYes;
};

class Adopter {
 public:
  // So many are best adopted at once: each costs two descriptors meanwhile.
  static constexpr size_t kBatch = 128;

  explicit Adopter(AdoptSpec spec) : spec_(std::move(spec)) {}

  using Report = std::function<void(const Adopted&)>;
  // Reports each from the calling thread, in the order of `files`. While it runs, the disk holds
  // all of them twice; those that have no room together are tried one by one.
  void Run(std::span<const AdoptFile> files, const Report& report);

 private:
  struct Job;

  std::vector<Adopted> RunTogether(std::span<const AdoptFile> files);
  Status Begin(Job& job);
  Status Make(Job& job);
  Status TakeTemporary(Job& job);
  Status FindMade(Job& job);
  Status Compare(Job& job, Access& grants);
  Status Replace(Job& job);
  Status GiveNames(Job& job);
  Status RemovePlain(Job& job);
  Progress ProgressOf();

  const AdoptSpec spec_;
  SharedSync sync_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_ADOPT_H_
