#include "cli/share_input.h"

#include <charconv>

#include "cli/terminal.h"
#include "client/durable_file.h"
#include "client/output_file.h"

namespace recrypt {
namespace {

constexpr size_t kMaxShareText = 64 << 10;

Result<Secret> ReadDescriptor(const std::string& number) {
  int fd = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), fd);
  if (error != std::errc() || end != number.data() + number.size() || fd < 0) {
    return Fail(ErrorCode::kInvalid, "--share-fd takes the number of an open descriptor");
  }
  Secret text(kMaxShareText);
  size_t size = 0;
  while (size < text.size()) {
    RECRYPT_ASSIGN(const size_t got, ReadFromDescriptor(fd, text.RevealMutable().subspan(size)));
    if (got == 0) return Secret::CopyOf(text.Reveal().first(size));
    size += got;
  }
  return Fail(ErrorCode::kInvalid, "the shares take more than 64 KiB");
}

// Asks for shares until they are enough; an empty line gives up.
Result<RecoveredEscrowKey> AskOnTerminal(const Escrow& escrow) {
  std::vector<EscrowShare> shares;
  for (;;) {
    auto recovered = RecoverEscrowKey(escrow, shares);
    if (recovered) return recovered;
    RECRYPT_ASSIGN(std::string line, AskLine(recovered.error().message + ".\nShare:"));
    const bool stop = line.empty();
    auto share = ParseShare(line);
    Wipe(line);
    if (stop) return Fail(recovered.error());
    Status fits;
    if (!share) {
      fits = Fail(share.error(), "that is no share");
    } else {
      fits = CheckIsOf(escrow, *share);
    }
    if (fits) {
      shares.push_back(std::move(*share));
    } else {
      TellOnTerminal(fits.error().message + ".");
    }
  }
}

}  // namespace

Result<std::vector<EscrowShare>> ParseShares(std::string_view text, const std::string& source) {
  std::vector<EscrowShare> shares;
  std::string wrong;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == line.npos || line[start] == '#') continue;
    auto share = ParseShare(line);
    if (share) {
      shares.push_back(std::move(*share));
      continue;
    }
    if (!wrong.empty()) wrong += "; ";
    wrong += "the share in " + source + ", line " + std::to_string(number) + ": " +
             share.error().message;
  }
  if (!wrong.empty()) return Fail(ErrorCode::kInvalid, wrong);
  return shares;
}

void ShareInput::Declare(Options& options) {
  options.Values("--share-file", "FILE", &files_, "Read shares from this file; may be repeated");
  options.Value("--share-fd", "N", &descriptor_, "Read shares from this open descriptor");
}

Result<std::vector<EscrowShare>> ShareInput::Read() const {
  std::vector<EscrowShare> all;
  const auto add = [&all](const Secret& text, const std::string& source) -> Status {
    RECRYPT_ASSIGN(auto shares, ParseShares(AsText(text.Reveal()), source));
    for (EscrowShare& share : shares) all.push_back(std::move(share));
    return {};
  };
  for (const std::string& file : files_) {
    RECRYPT_ASSIGN(Bytes text, ReadSmallFile(file, kMaxShareText));
    RECRYPT_TRY(add(Secret::TakeFrom(text), file));
  }
  if (!descriptor_.empty()) {
    RECRYPT_ASSIGN(const Secret text, ReadDescriptor(descriptor_));
    RECRYPT_TRY(add(text, "descriptor " + descriptor_));
  }
  return all;
}

Result<RecoveredEscrowKey> ShareInput::Recover(const Escrow& escrow) const {
  if (files_.empty() && descriptor_.empty()) return AskOnTerminal(escrow);
  RECRYPT_ASSIGN(const auto shares, Read());
  return RecoverEscrowKey(escrow, shares);
}

}  // namespace recrypt
