#include "client/receipts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "client/durable_file.h"

namespace recrypt {
namespace {

constexpr off_t kMaxFile = 1 << 20;
// What grew past the limit meanwhile, by processes that wrote at once, is read all the same.
constexpr size_t kMaxRead = 4 << 20;

std::string Older(const std::string& path) { return path + ".old"; }

Status LoadFile(const std::string& path, std::vector<AuditReceipt>& receipts) {
  const auto content = ReadSmallFile(path, kMaxRead);
  if (!content && content.error().code == ErrorCode::kNotFound) return {};
  if (!content) return Fail(content.error());
  std::string_view text = AsText(*content);
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    // A crash may have left half a line at the end.
    if (end == text.npos) return {};
    const auto json = ParseJson(text.substr(0, end));
    auto receipt = json ? ParseAuditReceipt(*json) : Result<AuditReceipt>(Fail(json.error()));
    if (!receipt) return Fail(receipt.error(), path + ", line " + std::to_string(line));
    receipts.push_back(std::move(*receipt));
    text.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

Status Receipts::Keep(const AuditReceipt& receipt) {
  const UniqueFd file(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) return FailErrno(errno, path_);
  struct stat about {};
  if (fstat(file.get(), &about) == 0 && about.st_size >= kMaxFile) {
    // What another process appends to the old file meanwhile is kept with it.
    (void)std::rename(path_.c_str(), Older(path_).c_str());
  }
  const std::string line = DumpJson(ToJson(receipt)) + "\n";
  // One call: lines of several processes do not mix.
  const ssize_t written = write(file.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return {};
  return FailErrno(written < 0 ? errno : ENOSPC, path_);
}

Result<std::vector<AuditReceipt>> Receipts::Load(const std::string& path) {
  std::vector<AuditReceipt> receipts;
  RECRYPT_TRY(LoadFile(Older(path), receipts));
  RECRYPT_TRY(LoadFile(path, receipts));
  return receipts;
}

}  // namespace recrypt
