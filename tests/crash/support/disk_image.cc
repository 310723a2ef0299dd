#include "tests/crash/support/disk_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace recrypt {
namespace {

void Need(bool done, const std::string& path) {
  if (!done) throw std::system_error(errno, std::generic_category(), path);
}

void WriteFileOut(const DiskNode& node, const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  Need(bool(fd), path);
  for (size_t done = 0; done < node.content.size();) {
    const ssize_t put = write(fd.get(), &node.content[done], node.content.size() - done);
    Need(put > 0, path);
    done += static_cast<size_t>(put);
  }
  for (const auto& [name, value] : node.xattrs) {
    Need(fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) == 0, path);
  }
  Need(fchmod(fd.get(), node.mode & 07777) == 0, path);
}

}  // namespace

void PutBytes(Bytes& content, uint64_t offset, ByteSpan data) {
  if (content.size() < offset + data.size()) content.resize(offset + data.size());
  std::copy(data.begin(), data.end(), content.begin() + static_cast<ptrdiff_t>(offset));
}

DiskImage::DiskImage() { nodes_[kRootNode].mode = S_IFDIR | 0755; }

void DiskImage::Do(const StoreOp& op, NodeId id, NodeId directory, NodeId to_directory) {
  const auto permissions = static_cast<mode_t>(op.number & 07777);
  switch (op.kind) {
    case OpKind::kCreate:
      nodes_[id].mode = S_IFREG | permissions;
      break;
    case OpKind::kMakeDirectory:
      nodes_[id].mode = S_IFDIR | permissions;
      break;
    case OpKind::kMakeNode:
      nodes_[id].mode = static_cast<mode_t>(op.number);
      break;
    case OpKind::kMakeSymlink:
      nodes_[id].mode = S_IFLNK | 0777;
      nodes_[id].content = op.data;
      break;
    case OpKind::kLink:
      break;
    case OpKind::kUnlink:
    case OpKind::kRemoveDirectory:
      node(directory).names.erase(op.name);
      return;
    case OpKind::kRename:
      return Rename(op, directory, to_directory);
    case OpKind::kSetXattr:
      node(id).xattrs[op.name] = op.data;
      return;
    case OpKind::kRemoveXattr:
      node(id).xattrs.erase(op.name);
      return;
    case OpKind::kChangeMode:
      node(id).mode = (node(id).mode & S_IFMT) | permissions;
      return;
    case OpKind::kWrite:
    case OpKind::kTruncate:
    case OpKind::kSyncData:
    case OpKind::kSyncDirectory:
    case OpKind::kSyncAll:
    case OpKind::kSyncShare:
      return;
  }
  node(directory).names[op.name] = id;
}

void DiskImage::Rename(const StoreOp& op, NodeId directory, NodeId to_directory) {
  auto& from = node(directory).names;
  auto& to = node(to_directory).names;
  const NodeId moved = from.at(op.name);
  if ((op.number & RENAME_EXCHANGE) != 0) {
    from[op.name] = to.at(op.to_name);
    to[op.to_name] = moved;
    return;
  }
  const auto target = to.find(op.to_name);
  if (target != to.end() && target->second == moved) return;  // two links of one file: nothing
  from.erase(op.name);
  to[op.to_name] = moved;
}

void DiskImage::WriteOut(const std::string& directory) const {
  std::map<NodeId, std::string> written;
  WriteOut(nodes_.at(kRootNode), directory, written);
}

void DiskImage::WriteOut(const DiskNode& directory, const std::string& path,
                         std::map<NodeId, std::string>& written) const {
  for (const auto& [name, id] : directory.names) {
    const DiskNode& node = nodes_.at(id);
    const std::string at = path + "/" + name;
    const auto linked = written.find(id);
    if (linked != written.end()) {
      Need(link(linked->second.c_str(), at.c_str()) == 0, at);
      continue;
    }
    written[id] = at;
    if (S_ISDIR(node.mode)) {
      Need(mkdir(at.c_str(), 0700) == 0, at);
      WriteOut(node, at, written);
      Need(chmod(at.c_str(), node.mode & 07777) == 0, at);
    } else if (S_ISREG(node.mode)) {
      WriteFileOut(node, at);
    } else if (S_ISLNK(node.mode)) {
      Need(symlink(std::string(AsText(node.content)).c_str(), at.c_str()) == 0, at);
    } else {
      Need(mknod(at.c_str(), node.mode, 0) == 0, at);
    }
  }
}

}  // namespace recrypt
