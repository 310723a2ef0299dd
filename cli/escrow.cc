// recryptfs escrow …: shares of labels' encryption keys, and recovery from them.
#include <array>
#include <charconv>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/share_input.h"
#include "cli/verbs.h"
#include "client/durable_file.h"
#include "client/escrow_admin.h"

namespace recrypt {
namespace {

Result<uint32_t> ParseCount(const std::string& text, std::string_view option) {
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size()) return count;
  return Fail(ErrorCode::kInvalid, std::string(option) + " takes a number, from 2 to 15");
}

std::string NamesOf(const std::vector<LabelName>& labels) {
  std::string names;
  for (const LabelName& label : labels) names += (names.empty() ? "" : ", ") + label.text();
  return names;
}

Json ToJson(const std::vector<LabelName>& labels) {
  Json list = Json::array();
  for (const LabelName& label : labels) list.push_back(label.text());
  return list;
}

class EscrowCreate : public Command {
 public:
  void Declare(Options& options) override {
    options.Arguments("LABEL", &labels_, "Labels that one administers", Need::kOptional);
    options.Flag("--profile", &profile_, "One's personal groups, such as alice@example.com");
    options.Value("--shares", "N", &shares_, "How many shares to make, 2 to 15");
    options.Value("--threshold", "K", &threshold_, "How many of them recover the keys");
    options.Value("-o,--output", "FILE", &file_, "The sealed keys; keys.escrow unless given");
    options.Value("--to", "DIR", &directory_, "Write each share to a file there; else print them");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    NewEscrow wanted{{}, 0, 0, file_};
    RECRYPT_ASSIGN(wanted.shares, ParseCount(shares_, "--shares"));
    RECRYPT_ASSIGN(wanted.threshold, ParseCount(threshold_, "--threshold"));
    for (const std::string& text : labels_) {
      RECRYPT_ASSIGN(LabelName label, LabelName::Parse(text));
      wanted.labels.push_back(std::move(label));
    }
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(AddPersonalGroups(*opened, wanted));
    if (!directory_.empty()) RECRYPT_TRY(MakePrivateDirectory(directory_));
    RECRYPT_ASSIGN(const MadeEscrow made, MakeEscrow(*opened, wanted));
    return Hand(context, made);
  }

 private:
  Status AddPersonalGroups(Client& client, NewEscrow& wanted) const {
    if (profile_) {
      RECRYPT_ASSIGN(const auto groups, PersonalGroups(client));
      if (groups.empty()) {
        return Fail(ErrorCode::kNotFound,
                    "this account has no personal group; 'recryptfs label create " +
                        client.keystore().identity().account.text() + "' makes one");
      }
      wanted.labels.insert(wanted.labels.end(), groups.begin(), groups.end());
    }
    if (!wanted.labels.empty()) return {};
    return Fail(ErrorCode::kInvalid, "name labels, or give --profile");
  }

  // What stands on each sheet of paper.
  static std::string About(const Escrow& escrow, size_t number) {
    return "# Share " + std::to_string(number) + " of " + std::to_string(escrow.shares) + " of " +
           NamesOf(escrow.labels) + "; any " + std::to_string(escrow.threshold) +
           " recover its keys.\n# Made by " + escrow.by.account.text() + " " + escrow.by.udf +
           ", " + FormatLocalTime(escrow.version.issued).substr(0, 10) + ".";
  }

  Status Hand(Context& context, const MadeEscrow& made) const {
    Json listed = Json::array();
    for (size_t i = 0; i < made.shares.size(); ++i) {
      std::string sheet = About(made.escrow, i + 1) + "\n" + made.shares[i];
      if (directory_.empty()) {
        context.out.Line(sheet);
        listed.push_back(made.shares[i]);
      } else {
        const std::string path = directory_ + "/share-" + std::to_string(i + 1) + ".txt";
        const Status kept = ReplaceFile(path, AsBytes(sheet + "\n"), FileMode::kPrivate);
        Wipe(sheet);
        RECRYPT_TRY(kept);
        listed.push_back(path);
      }
      Wipe(sheet);
    }
    context.out.Note("The keys of " + NamesOf(made.escrow.labels) + " are sealed in " + file_ +
                     ". Give each share to another person; keep the file where it will be found.");
    context.out.Object({{"file", file_},
                        {"labels", ToJson(made.escrow.labels)},
                        {"threshold", made.escrow.threshold},
                        {"shares", std::move(listed)}});
    return {};
  }

  std::vector<std::string> labels_;
  std::string shares_, threshold_, file_ = "keys.escrow", directory_;
  bool profile_ = false;
  PassphraseOptions passphrase_;
};

class EscrowRenew : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "What 'escrow create' wrote");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const Escrow escrow, RenewEscrow(*opened, file_));
    context.out.Line(file_ + " has the present keys of " + NamesOf(escrow.labels) +
                     ". The shares are the same.");
    context.out.Object({{"file", file_}, {"labels", ToJson(escrow.labels)}});
    return {};
  }

 private:
  std::string file_;
  PassphraseOptions passphrase_;
};

class EscrowRecover : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "What 'escrow create' wrote");
    shares_.Declare(options);
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const Escrow escrow, LoadEscrow(*opened, file_, *opened.prompt));
    RECRYPT_ASSIGN(const RecoveredEscrowKey recovered, shares_.Recover(escrow));
    RECRYPT_TRY(KeepRecovered(*opened, escrow, recovered.key));
    for (const uint32_t number : recovered.false_shares) {
      context.out.Note("Share " + std::to_string(number) +
                       " is false: it is well written, and not what was made.");
    }
    context.out.Line("Recovered the keys of " + NamesOf(escrow.labels) +
                     ": documents under them open on this device, without a service.");
    context.out.Object({{"file", file_},
                        {"labels", ToJson(escrow.labels)},
                        {"falseShares", recovered.false_shares}});
    return {};
  }

 private:
  std::string file_;
  ShareInput shares_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"escrow create", "Make shares, of which some recover the keys of labels",
         "recryptfs escrow create --shares 5 --threshold 3 Accounting#example.com",
         MakeCommand<EscrowCreate>},
    Verb{"escrow renew", "Seal the present keys for the same shares",
         "recryptfs escrow renew keys.escrow", MakeCommand<EscrowRenew>},
    Verb{"escrow recover", "Get keys back by shares", "recryptfs escrow recover keys.escrow",
         MakeCommand<EscrowRecover>},
};

}  // namespace

std::span<const Verb> EscrowVerbs() { return kVerbs; }

}  // namespace recrypt
