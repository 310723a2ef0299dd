// recryptfs label join, joins: asking to become a member.
#include <array>

#include "cli/label_command.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/label_join.h"

namespace recrypt {
namespace {

class LabelJoinCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Value("--message", "TEXT", &message_, "What its administrators are told");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(JoinLabel(*opened, label, message_));
    context.out.Line("The administrators of " + label.text() +
                     " have been asked. They add you with 'recryptfs label add " + label.text() +
                     " " + opened->keystore().identity().account.text() + "'.");
    context.out.Object({{"label", label.text()}, {"asked", true}});
    return {};
  }

 private:
  std::string label_, message_;
  PassphraseOptions passphrase_;
};

class LabelJoins : public LabelCommand {
  Status RunFor(Context& context, Client& client, const LabelName& label) override {
    RECRYPT_ASSIGN(const auto joins, ListJoins(client, label));
    Table table({"ACCOUNT", "FINGERPRINT", "DEVICE", "TIME", "MESSAGE"});
    Json items = Json::array();
    for (const LabelJoin& join : joins) {
      table.Row({join.account, join.profile_udf, join.device, FormatLocalTime(join.time),
                 Printable(join.message)});
      items.push_back({{"account", join.account},
                       {"udf", join.profile_udf},
                       {"device", join.device},
                       {"time", FormatTime(join.time)},
                       {"message", join.message}});
    }
    context.out.List(table, items, "Nobody asks to join " + label.text() + ".");
    return {};
  }
};

constexpr std::array kVerbs = {
    Verb{"label join", "Ask to become a member, or for a new device's entries",
         "recryptfs label join Accounting#example.com --message 'my new laptop'",
         MakeCommand<LabelJoinCommand>},
    Verb{"label joins", "List who asks to become a member",
         "recryptfs label joins Accounting#example.com", MakeCommand<LabelJoins>},
};

}  // namespace

std::span<const Verb> JoinVerbs() { return kVerbs; }

}  // namespace recrypt
