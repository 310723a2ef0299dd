// LabelCommand: a command about one label, with the account's keys and without options of its own.
//
//   class LabelMembers : public LabelCommand {
//     Status RunFor(Context& context, Client& client, const LabelName& label) override;
//   };
//
// Not thread safe.
#ifndef RECRYPT_CLI_LABEL_COMMAND_H_
#define RECRYPT_CLI_LABEL_COMMAND_H_

#include <string>

#include "cli/open_client.h"

namespace recrypt {

class LabelCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    return RunFor(context, *opened, label);
  }

 private:
  virtual Status RunFor(Context& context, Client& client, const LabelName& label) = 0;

  std::string label_;
  PassphraseOptions passphrase_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_LABEL_COMMAND_H_
