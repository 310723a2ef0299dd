// recryptfs label …: labels and what they are assigned to. Members are in member.cc.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "cli/label_command.h"
#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/share_place.h"
#include "cli/verbs.h"
#include "client/document_files.h"
#include "client/label_admin.h"
#include "client/label_keys.h"
#include "client/profile_admin.h"
#include "client/share_policy.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

std::string_view WritersName(Writers writers) {
  return writers == Writers::kAnyone ? "anyone" : "credentialed";
}

void Show(Output& out, const LabelProfile& label) {
  const std::string curve = label.key.curve() == Curve::kP256 ? "p256" : "x25519";
  Json administrators = Json::array(), services = Json::array();
  out.Line("label          " + label.label.text());
  out.Line("fingerprint    " + label.Udf());
  out.Line("owner          " + label.owner.account.text() + "  " + label.owner.udf);
  for (const Principal& administrator : label.administrators) {
    administrators.push_back(administrator.account.text());
    out.Line("administrator  " + administrator.account.text() + "  " + administrator.udf);
  }
  for (const auto& service : label.services) {
    services.push_back(service.domain);
    out.Line("service        " + service.domain + "  " + service.udf);
  }
  if (label.services.size() > 1) {
    out.Line("threshold      " + std::to_string(label.threshold) + " of " +
             std::to_string(label.services.size()) + " services grant together");
  }
  out.Line("key            " + KeyUdf(label.key) + "  (" + curve + ", epoch " +
           std::to_string(label.epoch) + ")");
  if (label.next) {
    out.Line("next key       " + KeyUdf(label.next->key) + "  (epoch " +
             std::to_string(label.next->epoch) + "; 'recryptfs label rotate' goes on)");
  }
  out.Line("lease          " + FormatDuration(label.policy.lease_seconds));
  out.Line("writers        " + std::string(WritersName(label.policy.writers)));
  out.Line("version        " + std::to_string(label.version.version) + ", until " +
           FormatLocalTime(label.version.expires));
  Json object = {{"label", label.label.text()},
                 {"udf", label.Udf()},
                 {"owner", label.owner.account.text()},
                 {"administrators", administrators},
                 {"services", services},
                 {"threshold", label.threshold},
                 {"key", KeyUdf(label.key)},
                 {"curve", curve},
                 {"epoch", label.epoch},
                 {"lease", label.policy.lease_seconds},
                 {"writers", WritersName(label.policy.writers)},
                 {"version", label.version.version},
                 {"expires", FormatTime(label.version.expires)}};
  if (label.next) object["next_epoch"] = label.next->epoch;
  out.Object(object);
}

class LabelCreate : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label, such as Accounting#example.com");
    options.Choice("--curve", {"x25519", "p256"}, &curve_, "Curve of its key; x25519 by default");
    options.Value("--lease", "DURATION", &lease_, "How long a grant lasts; 15m unless given");
    options.Choice("--writers", {"credentialed", "anyone"}, &writers_,
                   "Who may write; credentialed by default");
    options.Values("--service", "DOMAIN[=UDF]", &services_,
                   "A service that the key is split over, that of the label's domain too");
    options.Value("--threshold", "N", &threshold_,
                  "How many of the services grant together; all unless given");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(LabelName name, LabelName::Parse(label_));
    NewLabel wanted{std::move(name), {}, curve_ == "p256" ? Curve::kP256 : Curve::kX25519};
    RECRYPT_ASSIGN(wanted.policy.lease_seconds, ParseDuration(lease_));
    if (writers_ == "anyone") wanted.policy.writers = Writers::kAnyone;
    RECRYPT_TRY(ReadServices(wanted));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const LabelProfile label, LabelAdmin(*opened).Create(wanted));
    context.out.Line("Created " + label.label.text() +
                     ". Add members with 'recryptfs label add', protect a directory with "
                     "'recryptfs label assign'.");
    Show(context.out, label);
    return {};
  }

 private:
  Status ReadServices(NewLabel& wanted) const {
    for (const std::string& text : services_) {
      const size_t equals = text.find('=');
      NewLabel::Service service{text.substr(0, equals), ""};
      if (equals != std::string::npos) {
        RECRYPT_ASSIGN(service.udf, NormalizeUdf(text.substr(equals + 1)));
      }
      wanted.services.push_back(std::move(service));
    }
    if (threshold_.empty()) return {};
    const char* const end = threshold_.data() + threshold_.size();
    const auto [last, error] = std::from_chars(threshold_.data(), end, wanted.threshold);
    if (error == std::errc() && last == end && wanted.threshold > 0) return {};
    return Fail(ErrorCode::kInvalid, "--threshold is a number from 1 to that of the services");
  }

  std::string label_, curve_ = "x25519", lease_ = "15m", writers_ = "credentialed", threshold_;
  std::vector<std::string> services_;
  PassphraseOptions passphrase_;
};

class LabelList : public Command {
 public:
  void Declare(Options& options) override { passphrase_.Declare(options); }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const auto labels, LabelAdmin(*opened).List());
    Table table({"LABEL", "AS"});
    Json items = Json::array();
    for (const auto& listed : labels) {
      std::string roles = listed.administrator ? "administrator" : "";
      if (listed.member) roles += roles.empty() ? "member" : ", member";
      table.Row({listed.label.text(), roles});
      items.push_back({{"label", listed.label.text()},
                       {"administrator", listed.administrator},
                       {"member", listed.member}});
    }
    context.out.List(table, items, "No labels yet; 'recryptfs label create' makes one.");
    return {};
  }

 private:
  PassphraseOptions passphrase_;
};

class LabelShow : public Command {
 public:
  void Declare(Options& options) override { options.Argument("LABEL", &label_, "The label"); }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName name, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    RECRYPT_ASSIGN(const auto label,
                   opened->profiles().Label(name, ProfileUse::kRead, Freshness::kFetch));
    Show(context.out, *label);
    return {};
  }

 private:
  std::string label_;
};

class LabelPublish : public LabelCommand {
  Status RunFor(Context& context, Client& client, const LabelName& label) override {
    RECRYPT_ASSIGN(const uint64_t version, LabelAdmin(client).Publish(label));
    context.out.Line("The service has version " + std::to_string(version) + " of " + label.text() +
                     ".");
    context.out.Object({{"label", label.text()}, {"version", version}});
    return {};
  }
};

class LabelTrust : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Argument("UDF", &udf_, "Its fingerprint, as 'label show' tells its owner");
    options.Flag("--replace", &replace_, "Instead of another fingerprint that is pinned");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const std::string udf, NormalizeUdf(udf_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    const PinChange change = replace_ ? PinChange::kReplace : PinChange::kRefuse;
    RECRYPT_TRY(recrypt::TrustLabel(*opened, label, udf, change));
    context.out.Line("Pinned " + label.text() + " to " + udf + ".");
    context.out.Object({{"label", label.text()}, {"udf", udf}});
    return {};
  }

 private:
  std::string label_, udf_;
  bool replace_ = false;
};

class LabelAssign : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label, or an expression such as 'A#x.com + B#x.com'");
    options.Argument("DIR", &directory_, "A directory of the share, or of a mount of it");
    options.Value("--share", "ROOT", &share_, "The share's root; needed the first time only");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelExpression label, LabelExpression::Parse(label_));
    RECRYPT_ASSIGN(const ShareLocation at, LocateOnShare(directory_, share_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(CheckFits(opened->profiles(), label));
    RECRYPT_TRY(recrypt::AssignLabel(*opened, at, label));
    context.out.Line("New files in " + (at.path.empty() ? at.root : at.root + "/" + at.path) +
                     " get the label " + label.text() + ".");
    context.out.Object({{"share", at.root}, {"path", at.path}, {"label", label.text()}});
    return {};
  }

 private:
  std::string label_, directory_, share_;
  PassphraseOptions passphrase_;
};

class LabelOf : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "A stored document, a file in a mount, or a directory");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const std::string label, Find());
    context.out.Line(label);
    context.out.Object({{"file", file_}, {"label", label}});
    return {};
  }

 private:
  Result<std::string> Find() const {
    std::array<char, 8192> mounted{};
    const ssize_t size = getxattr(file_.c_str(), "user.jcd.label", mounted.data(), mounted.size());
    if (size > 0) return std::string(mounted.data(), static_cast<size_t>(size));
    struct stat about {};
    if (stat(file_.c_str(), &about) != 0) return FailErrno(errno, file_);
    if (!S_ISDIR(about.st_mode)) {
      RECRYPT_ASSIGN(const Header header, ReadHeader(file_));
      return header.expression.text();
    }
    RECRYPT_ASSIGN(const std::string directory, PathOnShare(file_));
    RECRYPT_TRY(FindShare(directory));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    RECRYPT_ASSIGN(const auto label, RulingLabel(*opened, directory));
    if (!label) return Fail(ErrorCode::kNotFound, file_ + " has no label");
    return label->text();
  }

  std::string file_;
};

constexpr std::array kVerbs = {
    Verb{"label create", "Make a label",
         "recryptfs label create Accounting#example.com --lease 15m", MakeCommand<LabelCreate>},
    Verb{"label list", "List the labels that one administers or is a member of",
         "recryptfs label list", MakeCommand<LabelList>},
    Verb{"label show", "Show fingerprint, key and policy of a label",
         "recryptfs label show Accounting#example.com", MakeCommand<LabelShow>},
    Verb{"label publish", "Give a service that was restored the newest profile of a label again",
         "recryptfs label publish Accounting#example.com", MakeCommand<LabelPublish>},
    Verb{"label trust", "Pin the fingerprint of a label",
         "recryptfs label trust Accounting#example.com MDDK-7N6A-727A-JZNO-STRX-XKS7-DJAF",
         MakeCommand<LabelTrust>},
    Verb{"label assign", "Give new files in a directory a label",
         "recryptfs label assign Accounting#example.com /srv/share/Accounting --share /srv/share",
         MakeCommand<LabelAssign>},
    Verb{"label of", "Print the label of a document or directory",
         "recryptfs label of report.odt.jcd", MakeCommand<LabelOf>},
};

}  // namespace

std::span<const Verb> LabelVerbs() { return kVerbs; }

}  // namespace recrypt
