#!/usr/bin/perl
# What frontends used to ask over HTTP: a script in the manner of those that answered them, without a module, for loading
# one is the dearest part of such a script. It reads the maildirsize of the mailbox below $MAILDIRS and adds it up.

my ($u) = $ENV{QUERY_STRING} =~ /(?:^|&)u=([^&]*)/;
$u =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

my ($size, $quota) = (0, 0);
if ($u =~ /^(\w[\w.+-]*)@(\w[\w.-]*)\z/ && open my $file, '<', "$ENV{MAILDIRS}/$2/$1/Maildir/maildirsize") {
	($quota) = <$file> =~ /(\d+)S/;
	while (<$file>) {
		my ($octets) = split;
		$size += $octets;
	}
}

my $line = ($quota && $size > $quota ? 'OVERQUOTA' : 'OK') . " $u $size $quota\n";
print "Content-Type: text/plain\r\nContent-Length: ", length $line, "\r\n\r\n", $line;
