// recryptfs label add, remove, members: who may read.
#include <array>

#include "cli/label_command.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/rotation.h"
#include "cli/verbs.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

Json DomainsOf(const std::vector<ServiceLeft>& left) {
  Json domains = Json::array();
  for (const ServiceLeft& one : left) domains.push_back(one.domain);
  return domains;
}

class LabelAdd : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Arguments("ACCOUNT", &accounts_, "Whom to add; their fingerprints must be pinned");
    options.Flag("--read-only", &read_only_, "They may read, and not write");
    options.Flag("--each-device", &each_device_,
                 "Entries for their devices of today, though they have a personal group");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    std::vector<AccountName> accounts;
    for (const std::string& text : accounts_) {
      RECRYPT_ASSIGN(AccountName account, AccountName::Parse(text));
      accounts.push_back(std::move(account));
    }
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    LabelAdmin admin(*opened);
    Json added = Json::array();
    std::vector<ServiceLeft> left;
    for (const AccountName& account : accounts) {
      const MemberRights rights = read_only_ ? MemberRights::kRead : MemberRights::kReadAndWrite;
      const EntriesFor kind = each_device_ ? EntriesFor::kEachDevice : EntriesFor::kGroup;
      auto done = admin.AddMember(label, account, rights, kind);
      if (!done) return Fail(done.error(), "adding " + account.text() + " to " + label.text());
      context.out.Line(account.text() + " is a member of " + label.text() + ".");
      added.push_back(account.text());
      if (!done->empty()) left = std::move(*done);
    }
    context.out.Object({{"label", label.text()}, {"added", added}, {"left", DomainsOf(left)}});
    if (left.empty()) return {};
    return Fail(ErrorCode::kUnavailable,
                "they can read, and one service less may be away until "
                "this command is run again: not reached were " +
                    Naming(left));
  }

 private:
  std::string label_;
  std::vector<std::string> accounts_;
  bool read_only_ = false, each_device_ = false;
  PassphraseOptions passphrase_;
};

class LabelRemove : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Argument("ACCOUNT", &account_, "Whom to remove");
    options.Flag("--rotate", &rotate_, "Give the label a new key, however many members it has");
    options.Flag("--no-rotate", &no_rotate_, "Leave the label its key");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    if (rotate_ && no_rotate_) {
      return Fail(ErrorCode::kInvalid, "--rotate and --no-rotate exclude each other");
    }
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(account_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const RemovedMember removed, LabelAdmin(*opened).RemoveMember(label, account));
    const int64_t until = removed.until;
    context.out.Line(account.text() + " is no longer a member of " + label.text() +
                     ". The last lease ends at " +
                     When(until - opened->clock().NowSeconds(), until));
    Json object = {{"label", label.text()},
                   {"removed", account.text()},
                   {"until", FormatTime(until)},
                   {"left", DomainsOf(removed.left)}};
    if (!removed.left.empty()) {
      context.out.Object(object);
      return Fail(ErrorCode::kUnavailable,
                  "the services that were reached are enough to end the membership; run this "
                  "command again for those that were not, and for a new key: " +
                      Naming(removed.left));
    }
    const Status rolled_over = no_rotate_ ? Status{} : RollOver(context, *opened, object);
    context.out.Object(object);
    if (rolled_over) return {};
    return Fail(rolled_over.error(), account.text() + " is removed, but the new key of " +
                                         label.text() + " is not done with");
  }

 private:
  // A small label gets a new key by itself, a large one when it is asked for.
  Status RollOver(Context& context, Client& client, Json& object) const {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(account_));
    LabelAdmin admin(client);
    RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(label));
    RECRYPT_ASSIGN(const auto members, admin.Members(label));
    if (!rotate_ && !RotatesByItself(profile.policy, members.size())) {
      context.out.Line("The label has " + std::to_string(members.size()) +
                       " members and keeps its key: 'recryptfs label rotate " + label.text() +
                       "' gives it another.");
      return {};
    }
    RECRYPT_ASSIGN(RotationTold told, RotateAndTell(context, client, label, {account.text()}));
    object["rotated"] = std::move(told.object);
    return told.outcome;
  }

  static std::string When(int64_t left, int64_t until) {
    if (left <= 0) return FormatClockTime(until) + ": at once.";
    return FormatClockTime(until) + ", in " + FormatDuration(static_cast<uint64_t>(left)) + ".";
  }

  std::string label_, account_;
  bool rotate_ = false, no_rotate_ = false;
  PassphraseOptions passphrase_;
};

class LabelMembers : public LabelCommand {
  Status RunFor(Context& context, Client& client, const LabelName& label) override {
    RECRYPT_ASSIGN(const auto members, LabelAdmin(client).Members(label));
    Table table({"ACCOUNT", "FINGERPRINT", "DEVICES"});
    Json items = Json::array();
    for (const LabelMember& member : members) {
      const size_t devices = member.devices.size();
      table.Row({member.account, member.profile_udf, devices ? std::to_string(devices) : ""});
      items.push_back(
          {{"account", member.account}, {"udf", member.profile_udf}, {"devices", member.devices}});
    }
    context.out.List(table, items,
                     label.text() + " has no members; 'recryptfs label add' adds some.");
    return {};
  }
};

constexpr std::array kVerbs = {
    Verb{"label add", "Make accounts members of a label",
         "recryptfs label add Accounting#example.com bob@example.net", MakeCommand<LabelAdd>},
    Verb{"label remove", "Take a membership away; a small label gets a new key",
         "recryptfs label remove Accounting#example.com carol@example.net",
         MakeCommand<LabelRemove>},
    Verb{"label members", "List the members of a label",
         "recryptfs label members Accounting#example.com", MakeCommand<LabelMembers>},
};

}  // namespace

std::span<const Verb> MemberVerbs() { return kVerbs; }

}  // namespace recrypt
