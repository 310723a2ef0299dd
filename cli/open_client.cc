#include "cli/open_client.h"

namespace recrypt {

void PassphraseOptions::Declare(Options& options) {
  options.Value("--passfile", "FILE", &file_, "Read the passphrase from this file");
  options.Value("--passfd", "N", &descriptor_, "Read it from this open descriptor");
  options.Value("--passcmd", "COMMAND", &command_, "Take it from what this command prints");
}

Result<std::unique_ptr<PassphraseSource>> PassphraseOptions::Source() const {
  const int given = !file_.empty() + !descriptor_.empty() + !command_.empty();
  if (given > 1) {
    return Fail(ErrorCode::kInvalid, "give only one of --passfile, --passfd and --passcmd");
  }
  if (!file_.empty()) return ParsePassphraseSource("file:" + file_);
  if (!descriptor_.empty()) return ParsePassphraseSource("fd:" + descriptor_);
  if (!command_.empty()) return ParsePassphraseSource("command:" + command_);
  return ParsePassphraseSource("prompt");
}

Result<OpenedClient> OpenWithKeys(const PassphraseOptions& passphrase) {
  OpenedClient opened;
  RECRYPT_ASSIGN(opened.passphrase, passphrase.Source());
  opened.prompt = std::make_unique<TerminalTrustPrompt>();
  ClientOptions options;
  options.passphrase = opened.passphrase.get();
  options.prompt = opened.prompt.get();
  RECRYPT_ASSIGN(opened.client, Client::Open(options));
  return opened;
}

Result<OpenedClient> OpenWithoutKeys(std::optional<int64_t> deadline_ms) {
  OpenedClient opened;
  opened.prompt = std::make_unique<TerminalTrustPrompt>();
  ClientOptions options;
  options.prompt = opened.prompt.get();
  options.deadline_ms = deadline_ms;
  RECRYPT_ASSIGN(opened.client, Client::OpenWithoutKeys(options));
  return opened;
}

}  // namespace recrypt
