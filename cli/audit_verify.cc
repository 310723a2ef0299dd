// recryptfs audit verify: whether an export of an audit log is whole, without its service.
#include <array>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <map>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/receipts.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxLine = 1 << 20;

class AuditVerify : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("FILE", &file_, "What 'audit LABEL --json' printed; - for standard input");
    options.Values("--receipt", "FILE", &receipts_, "Receipts of others, as a receipts.jsonl");
    options.Flag("--filtered", &filtered_, "The export was made with a filter");
    options.Value("--service", "DOMAIN", &service_,
                  "Whose log it is, of a label over several services");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    RECRYPT_ASSIGN(auto receipts, Receipts::Load(opened->directory().ReceiptsFile()));
    for (const std::string& path : receipts_) {
      RECRYPT_ASSIGN(const auto more, Receipts::Load(path));
      receipts.insert(receipts.end(), more.begin(), more.end());
    }
    // Others have logs of their own, with records of the same numbers.
    if (!service_.empty()) {
      std::erase_if(receipts, [this](const auto& one) { return one.domain != service_; });
    }
    AuditExportVerifier verifier(receipts,
                                 filtered_ ? ExportCoverage::kFiltered : ExportCoverage::kAll);
    RECRYPT_TRY(TakeLines(verifier));
    RECRYPT_ASSIGN(const AuditExportSummary summary, verifier.Finish());
    std::map<std::string, bool> signers;  // whether they are pinned
    for (const Checkpoint& checkpoint : summary.checkpoints) {
      const std::string udf = KeyUdf(checkpoint.sign);
      RECRYPT_ASSIGN(signers[udf],
                     opened->trust().CheckPin(TrustSubject::kService, checkpoint.domain, udf));
    }
    Report(context.out, summary, signers);
    return {};
  }

 private:
  Status TakeLines(AuditExportVerifier& verifier) const {
    std::ifstream file;
    if (file_ != "-") file.open(file_);
    if (file_ != "-" && !file) return FailErrno(errno, file_);
    std::istream& in = file_ == "-" ? std::cin : file;
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number) {
      const std::string place = file_ + ", line " + std::to_string(number);
      if (line.size() > kMaxLine) return Fail(ErrorCode::kInvalid, place + ": is too long");
      const auto json = ParseJson(line);
      if (!json) return Fail(json.error(), place);
      if (const Status taken = verifier.Take(*json); !taken) return Fail(taken.error(), place);
    }
    return {};
  }

  // Anybody can sign a checkpoint: whether its signer is known is said with it.
  static void Report(Output& out, const AuditExportSummary& summary,
                     const std::map<std::string, bool>& signers) {
    out.Line(std::to_string(summary.records) + " records" +
             (summary.label.empty() ? "" : " of " + summary.label) + ", whole up to record " +
             std::to_string(summary.last.sequence) + ".");
    for (const auto& [udf, pinned] : signers) {
      out.Line("Signed by the service " + udf + (pinned ? "." : ", which is not pinned here."));
    }
    if (signers.empty()) out.Line("No service has signed where it ends.");
    out.Line(std::to_string(summary.receipts) +
             (summary.receipts == 1 ? " receipt agrees." : " receipts agree."));
    out.Object({{"label", summary.label},
                {"records", summary.records},
                {"last", summary.last.sequence},
                {"head", Base64UrlEncode(summary.last.hash)},
                {"signers", signers},
                {"receipts", summary.receipts}});
  }

  std::string file_, service_;
  std::vector<std::string> receipts_;
  bool filtered_ = false;
};

constexpr std::array kVerbs = {
    Verb{"audit verify", "Verify an export of an audit log",
         "recryptfs audit verify accounting.jsonl", MakeCommand<AuditVerify>},
};

}  // namespace

std::span<const Verb> AuditVerifyVerbs() { return kVerbs; }

}  // namespace recrypt
