/**
 * redis-server's configuration. It keeps nothing on the disk: servers put back what it has lost. The text
 * holds a password.
 */
export function redisConfig(port: number, password: string, folder: string): string {
  return `bind 127.0.0.1
port ${port}
requirepass ${JSON.stringify(password)}
dir ${JSON.stringify(folder)}
save ""
appendonly no
daemonize no
logfile ""
`;
}
