module genapps.local/node/tools

go 1.26.0
