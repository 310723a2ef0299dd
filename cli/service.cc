// recryptfs service …: where the services of domains are.
#include <array>
#include <filesystem>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/discovery.h"
#include "client/durable_file.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr size_t kMaxCertificates = size_t{1} << 20;

class ServiceAdd : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("DOMAIN", &domain_, "The domain, such as example.com");
    options.Argument("ADDRESS", &address_, "Where its service is: host:port, or host for port 443");
    options.Value("--ca", "FILE", &ca_, "Certificate (PEM) that signed the service's");
  }

  Status Run(Context& context) override {
    RECRYPT_TRY(ParseServiceHost(address_));
    ServiceAddress service{address_, ""};
    if (!ca_.empty()) {
      RECRYPT_ASSIGN(const Bytes certificate, ReadSmallFile(ca_, kMaxCertificates));
      if (AsText(certificate).find("-----BEGIN ") == std::string_view::npos) {
        return Fail(ErrorCode::kInvalid, ca_ + " holds no certificate in PEM");
      }
      service.ca_file = std::filesystem::absolute(ca_).string();
    }
    RECRYPT_ASSIGN(const ConfigDirectory directory, ConfigDirectory::Open());
    RECRYPT_TRY(SetService(directory, domain_, service));
    context.out.Line("The service of " + domain_ + " is at " + address_ + " (kept in " +
                     directory.ConfigFile() + ").");
    context.out.Object({{"domain", domain_}, {"address", address_}, {"ca", service.ca_file}});
    return {};
  }

 private:
  std::string domain_, address_, ca_;
};

class ServiceShow : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("DOMAIN", &domain_, "The domain, such as example.com");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithoutKeys());
    const auto service = opened->services().At(domain_);
    RECRYPT_ASSIGN(const Json jws, service->GetStatic("Service", domain_));
    RECRYPT_ASSIGN(const ServiceProfile profile, VerifyServiceProfile(jws));
    RECRYPT_ASSIGN(const auto pin, opened->trust().FindPin(TrustSubject::kService, domain_));
    const std::string state = !pin                        ? "not pinned"
                              : pin->udf == profile.Udf() ? "pinned"
                                                          : "ANOTHER ONE IS PINNED: " + pin->udf;
    context.out.Line("domain       " + profile.domain);
    context.out.Line("fingerprint  " + profile.Udf() + "  (" + state + ")");
    context.out.Line("version      " + std::to_string(profile.version.version) + ", until " +
                     FormatLocalTime(profile.version.expires));
    context.out.Object({{"domain", profile.domain},
                        {"udf", profile.Udf()},
                        {"pinned", pin ? Json(pin->udf) : Json()},
                        {"version", profile.version.version},
                        {"expires", FormatTime(profile.version.expires)}});
    return {};
  }

 private:
  std::string domain_;
};

constexpr std::array kVerbs = {
    Verb{"service add", "Say where the service of a domain is",
         "recryptfs service add example.net recrypt.example.net:443", MakeCommand<ServiceAdd>},
    Verb{"service show", "Ask a domain's service for its fingerprint",
         "recryptfs service show example.net", MakeCommand<ServiceShow>},
};

}  // namespace

std::span<const Verb> ServiceVerbs() { return kVerbs; }

}  // namespace recrypt
