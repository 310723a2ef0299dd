// recryptfs profile …: the account's own keys, and whose fingerprints are pinned.
#include <array>

#include "cli/new_device_options.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/profile_admin.h"
#include "client/told_profile.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

Json ToJson(const Profile& profile) {
  Json devices = Json::array(), labels = Json::array();
  for (const Device& device : profile.devices) {
    devices.push_back({{"name", device.name}, {"udf", KeyUdf(device.sign)}});
  }
  for (const auto& owned : profile.labels) {
    labels.push_back({{"label", owned.label.text()}, {"master", owned.master_udf}});
  }
  return {{"account", profile.account.text()},
          {"udf", profile.Udf()},
          {"version", profile.version.version},
          {"expires", FormatTime(profile.version.expires)},
          {"devices", devices},
          {"labels", labels}};
}

void Show(Output& out, const Profile& profile) {
  out.Object(ToJson(profile));
  out.Line("account      " + profile.account.text());
  out.Line("fingerprint  " + profile.Udf());
  out.Line("version      " + std::to_string(profile.version.version) + ", until " +
           FormatLocalTime(profile.version.expires));
  for (const Device& device : profile.devices) {
    out.Line("device       " + device.name + "  " + KeyUdf(device.sign));
  }
  for (const auto& owned : profile.labels) {
    out.Line("label        " + owned.label.text() + "  " + owned.master_udf);
  }
}

class ProfileCreate : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("ACCOUNT", &account_, "The account, such as alice@example.com");
    device_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const NewProfile wanted, device_.Wanted(account_));
    RECRYPT_ASSIGN(const auto source, device_.Passphrase());
    TerminalTrustPrompt prompt;
    ClientOptions options;
    options.passphrase = source.get();
    options.prompt = &prompt;
    RECRYPT_ASSIGN(const Profile profile, CreateProfile(options, wanted));
    context.out.Line("Created " + account_ + ". Others pin it by this fingerprint:");
    Show(context.out, profile);
    return {};
  }

 private:
  std::string account_;
  NewDeviceOptions device_;
};

class ProfilePublish : public Command {
 public:
  void Declare(Options& options) override { passphrase_.Declare(options); }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(PublishProfile(*opened));
    const AccountName& account = opened->keystore().identity().account;
    context.out.Line("The service of " + std::string(account.domain()) + " has the profile of " +
                     account.text() + ".");
    context.out.Object({{"account", account.text()}, {"published", true}});
    return {};
  }

 private:
  PassphraseOptions passphrase_;
};

class ProfileShow : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("ACCOUNT", &account_, "Whose; one's own unless given", Need::kOptional);
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    if (account_.empty()) {
      RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
      RECRYPT_ASSIGN(const Profile own, OwnProfile(*opened));
      Show(context.out, own);
      return {};
    }
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(account_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    RECRYPT_ASSIGN(const auto profile,
                   opened->profiles().Account(account, ProfileUse::kRead, Freshness::kFetch));
    Show(context.out, *profile);
    return {};
  }

 private:
  std::string account_;
  PassphraseOptions passphrase_;
};

class ProfileExport : public Command {
 public:
  void Declare(Options& options) override { passphrase_.Declare(options); }

  // The JSON of a signed object is what is wanted, with or without --json.
  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    const Json& profile = opened->keystore().identity().profile;
    context.out.Object(profile);
    context.out.Line(DumpJson(profile));
    return {};
  }

 private:
  PassphraseOptions passphrase_;
};

class ProfileTrust : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("ACCOUNT", &account_, "Whose profile to trust");
    options.Argument("UDF", &udf_, "Its fingerprint; asked about unless given", Need::kOptional);
    options.Flag("--replace", &replace_, "Instead of another fingerprint that is pinned");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(account_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    std::string udf;
    if (udf_.empty()) {
      RECRYPT_ASSIGN(udf, Ask(*opened, account));
    } else {
      RECRYPT_ASSIGN(udf, NormalizeUdf(udf_));
    }
    const PinChange change = replace_ ? PinChange::kReplace : PinChange::kRefuse;
    RECRYPT_TRY(TrustAccount(*opened, account, udf, change));
    context.out.Line("Pinned " + account.text() + " to " + udf + ".");
    context.out.Object({{"account", account.text()}, {"udf", udf}});
    return {};
  }

 private:
  static Result<std::string> Ask(Client& client, const AccountName& account) {
    RECRYPT_ASSIGN(const Profile profile, ProfileAsTold(client, account));
    const auto answer = AskYesOrNo(
        "The fingerprint of " + account.text() + ", as its service tells it, is\n\n    " +
        profile.Udf() + "\n\nCompare it with what " + account.text() +
        " tells you by another way, by telephone for one. Is it the same?");
    if (answer && *answer) return profile.Udf();
    return Fail(ErrorCode::kDenied, (answer ? "" : answer.error().message + "; ") +
                                        std::string("nothing was pinned: once compared, run "
                                                    "'recryptfs profile trust ") +
                                        account.text() + " " + profile.Udf() + "'");
  }

  std::string account_, udf_;
  bool replace_ = false;
};

constexpr std::array kVerbs = {
    Verb{"profile create", "Make an account's keys and publish its profile",
         "recryptfs profile create alice@example.com --service recrypt.example.com:443",
         MakeCommand<ProfileCreate>},
    Verb{"profile show", "Show fingerprint, devices and labels of a profile",
         "recryptfs profile show", MakeCommand<ProfileShow>},
    Verb{"profile export", "Print one's own profile, a signed JSON object",
         "recryptfs profile export > alice.json", MakeCommand<ProfileExport>},
    Verb{"profile publish", "Publish one's own profile again at its service",
         "recryptfs profile publish", MakeCommand<ProfilePublish>},
    Verb{"profile trust", "Pin the fingerprint of an account",
         "recryptfs profile trust bob@example.net MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF",
         MakeCommand<ProfileTrust>},
};

}  // namespace

std::span<const Verb> ProfileVerbs() { return kVerbs; }

}  // namespace recrypt
