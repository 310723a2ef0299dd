// Rotations: new keys for labels that are being made while pages go on being shown, and what came
// of those that are done.
//
//   RECRYPT_TRY(rotations.Start(label, {"carol@example.net"}));
//   if (const auto rotation = rotations.Of(label)) show(rotation->done, rotation->total);
//
// One of a label at a time, each on a thread of its own. The destructor waits for them: a request
// under way ends within the deadline for services. Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_ROTATIONS_H_
#define RECRYPT_CLI_CONSOLE_ROTATIONS_H_

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "client/label_rotation.h"

namespace recrypt {

class Rotations {
 public:
  // `client` outlives this object.
  explicit Rotations(Client& client) : client_(client) {}
  ~Rotations();

  // `without`: accounts that get no entry. kBusy while the label is being given a key already.
  Status Start(const LabelName& label, std::set<std::string> without);

  struct Rotation {
    uint64_t done = 0;                            // members that have got their entries
    uint64_t total = 0;                           // 0: not known yet
    std::optional<Result<Rotated>> outcome = {};  // none: it goes on
  };
  // The last one of the label.
  std::optional<Rotation> Of(const LabelName& label);
  bool any_running();

 private:
  struct Job {
    Rotation rotation;
    std::thread thread;
  };
  void Run(const LabelName& label, std::set<std::string> without);

  Client& client_;
  std::mutex mutex_;  // guards what follows, but for joining
  std::map<LabelName, Job> jobs_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_ROTATIONS_H_
