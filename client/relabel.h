// Relabelling stored documents where they lie, beside whoever works with them: under the current
// keys of their labels, or under another expression.
//
//   Relabeler relabeler({access.get(), client.profiles(), clock});
//   relabeler.Run(paths, [&](const Relabelled& document) { … });
//
// A document's header is replaced by a commit under its exclusive lock, as a mount's changes are:
// whoever is killed, or loses power, leaves it under the one header or the other, and whoever reads
// it meanwhile reads on. What is done is not done again, so that a run that was ended goes on with
// the next. Many documents at a time: grants in batches, syncs together. Thread safe.
#ifndef RECRYPT_CLIENT_RELABEL_H_
#define RECRYPT_CLIENT_RELABEL_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/access.h"
#include "client/rekey.h"
#include "client/shared_sync.h"
#include "client/verified_profiles.h"
#include "core/base/clock.h"

namespace recrypt {

// kFollows: data keys are replaced as content changes. kRewrite: now.
enum class RelabelData { kFollows, kRewrite };
enum class RelabelMode { kChange, kLook };

struct RelabelSpec {
  Access* access = nullptr;                          // never null
  VerifiedProfiles* profiles = nullptr;              // never null
  const Clock* clock = nullptr;                      // never null
  std::optional<LabelExpression> to = std::nullopt;  // absent: each document's own
  RelabelData data = RelabelData::kFollows;
  RelabelMode mode = RelabelMode::kChange;
  int64_t lock_wait_ms = 6000;
};

struct Relabelled {
  std::string path;
  std::optional<Error> failure;  // the rest says what was found before it
  bool empty = false;            // never committed: it has no header
  bool changed = false;
  // Of the document as it is now: whether its header is under other keys (or labels) than asked
  // for, and how many data keys are in it: more than one when content may be under an old one; 0
  // when that was not looked at.
  bool old_header = false;
  size_t data_keys = 0;
};

class Relabeler {
 public:
  explicit Relabeler(RelabelSpec spec) : spec_(std::move(spec)) {}

  using Report = std::function<void(const Relabelled&)>;
  // Reports each from the calling thread, in the order of `paths`.
  void Run(std::span<const std::string> paths, const Report& report);

 private:
  struct Job;
  using Batch = std::vector<std::unique_ptr<Job>>;

  Batch Prepare(std::span<const std::string> paths);
  void Finish(Batch& batch);
  Status Look(Job& job);
  Status Aim(Job& job, const Header& header);
  Status Change(Job& job);
  Status ChangeLocked(Job& job, Document& document);
  Status MakeRoom(Job& job, Document& document, const Author* author);
  Status ReplaceHeader(Job& job, Document& document, KeepKeys keep, FreshKey fresh);
  Status Commit(Job& job, Document& document);
  Status ResealAttributes(Job& job, Document& document);
  Result<std::unique_ptr<Document>> Open(Job& job);
  // The keys to wrap for, once for each expression.
  Result<std::shared_ptr<const HeaderSpec>> SpecOf(const LabelExpression& expression);

  const RelabelSpec spec_;
  SharedSync sync_;
  std::mutex mutex_;  // guards specs_
  std::map<std::string, Result<std::shared_ptr<const HeaderSpec>>> specs_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_RELABEL_H_
