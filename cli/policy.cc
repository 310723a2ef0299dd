// recryptfs label policy: what a label's administrators allow its members.
#include <array>

#include "cli/open_client.h"
#include "cli/policy_settings.h"
#include "cli/verbs.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

class LabelPolicyCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Values("--set", "NAME=VALUE", &settings_, "Change a setting; as often as needed");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName name, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened,
                   settings_.empty() ? OpenWithoutKeys() : OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const auto label,
                   opened->profiles().Label(name, ProfileUse::kRead, Freshness::kFetch));
    LabelPolicy policy = label->policy;
    for (const std::string& setting : settings_) {
      RECRYPT_TRY(ApplySetting(setting, opened->profiles(), policy));
    }
    if (!settings_.empty()) {
      RECRYPT_ASSIGN(const LabelProfile changed, LabelAdmin(*opened).SetPolicy(name, policy));
      policy = changed.policy;
    }
    for (auto [setting, value] : PolicyLines(policy)) {
      setting.resize(18, ' ');
      context.out.Line(setting + value);
    }
    context.out.Object(WriteLabelPolicy(policy));
    return {};
  }

 private:
  std::string label_;
  std::vector<std::string> settings_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"label policy", "Show or change what a label allows its members",
         "recryptfs label policy Board#example.com --set quota=member:100/1d --set "
         "'hours=mon-fri 08:00-18:00; Europe/Berlin'",
         MakeCommand<LabelPolicyCommand>},
};

}  // namespace

std::span<const Verb> PolicyVerbs() { return kVerbs; }

}  // namespace recrypt
